"""When a segment of all lists is made, and which one a process may use; a village has none.

One worker makes it, and all machines read it where the site keeps its files. The database names the one that counts:
one that a restored database, another site or a newer build has left behind is not used. Where none can be had all
lists are read.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from threading import Lock

from openportability.accounts import line_store
from openportability.clock import micros, moment, monotonic
from openportability.db.engine import Tx
from openportability.errors import without_words
from openportability.graph import pass_store, segment_build
from openportability.graph import store as lists
from openportability.graph.segment import Head, Segment
from openportability.matching import store
from openportability.site import Site
from openportability.vault import Unreadable

log = logging.getLogger(__name__)

#: Made again when more than one in so many links came since; they are read one list at a time.
_NEWER = 50
#: Made again after that time if anything changed: with the hour for which the one before stays, who left stands in
#: one for a day at most.
_AGE = timedelta(hours=22)
#: One that is missing or damaged is made again no sooner: it may lie in a folder of another machine.
_APART = timedelta(hours=1)
#: How long others stay: somebody may have read in the database which one counts, and not yet opened it.
_STAYS = timedelta(hours=1)
#: One that could not be opened is tried again after that.
_AGAIN_SECONDS = 60.0
_PREFIX = "segment-"


class Segments:
    """The segment of this process."""

    def __init__(self) -> None:
        self._open: Segment | None = None
        #: The mark of one that could not be opened, and until when that is not tried again.
        self._away, self._until = 0, 0.0
        self._lock = Lock()

    def current(self, site: Site) -> Segment | None:
        """Return the segment that belongs to the database, if it can be had."""
        with site.db.read() as tx:
            mark = store.cursor(tx, store.SEGMENT)
        with self._lock:
            if self._open is not None and self._open.head.mark == mark:
                return self._open
            self._open = None
            if mark and (mark != self._away or monotonic() >= self._until):
                self._open = self._opened(site, mark)
            return self._open

    def lose(self, site: Site, segment: Segment, error: OSError | Unreadable) -> None:
        """Do without one that could not be read: for a minute, or for good if it is damaged."""
        with self._lock:
            if self._open is segment:
                self._open = None
            self._lost(site, segment.head.mark, error)

    def _opened(self, site: Site, mark: int) -> Segment | None:
        try:
            segment = Segment(site.files.open(name(mark)), site.vault)
            if segment.head.mark != mark:
                raise Unreadable
        except (OSError, Unreadable) as error:
            self._lost(site, mark, error)
            return None
        return segment

    def _lost(self, site: Site, mark: int, error: OSError | Unreadable) -> None:
        self._away, self._until = mark, monotonic() + _AGAIN_SECONDS
        if isinstance(error, OSError):
            log.warning("segment_away", extra=without_words(error))
            return
        log.warning("segment_unreadable")
        with site.db.write() as tx:
            if store.cursor(tx, store.SEGMENT) == mark:
                store.put_mark(tx, store.SEGMENT, 0)


@dataclass(frozen=True, kw_only=True)
class _Manifest:
    """Which segment counts, as the database says."""

    #: 0: none does.
    mark: int
    made_at: int
    lists: int
    gone: int

    @classmethod
    def read(cls, tx: Tx) -> _Manifest:
        return cls(
            mark=store.cursor(tx, store.SEGMENT),
            made_at=store.cursor(tx, store.SEGMENT_MADE),
            lists=store.cursor(tx, store.SEGMENT_LISTS),
            gone=store.cursor(tx, store.SEGMENT_GONE),
        )

    def age(self, site: Site) -> timedelta:
        return site.clock.now() - moment(self.made_at)


def name(mark: int) -> str:
    """Return the name of the file of a segment."""
    return f"{_PREFIX}{mark:016x}"


def concern(site: Site) -> bool:
    """Say whether a site has segments, or had some; a village is left in peace."""
    with site.db.read() as tx:
        return _is_large(tx, site) or _Manifest.read(tx).made_at > 0


def tend(site: Site) -> None:
    """Make a segment where one is due, and remove those that nobody reads: one worker at a time, on whichever machine.

    One that is killed holds its turn no longer, and what it began counts for nobody.
    """
    with site.db.presence.turn("segment") as ours:
        if not ours:
            return
        away = False
        try:
            if _due(site):
                build(site)
            _tidy(site)
        except OSError as error:
            log.warning("files_away", extra=without_words(error))
            away = True
        _note(site, away=away)


def build(site: Site) -> None:
    """Make a segment of all lists, and let all use it from now on."""
    with site.db.read() as tx:
        gone = line_store.edition(tx).gone
        head = Head(
            mark=1 + secrets.randbits(62),
            lists=lists.newest_seq(tx),
            links=lists.links_since(tx, 0),
        )
    every = chain.from_iterable(pass_store.over_all(site.db, site.vault, None))
    with site.files.new(name(head.mark)) as file:
        segment_build.write(file, site.vault, head, every, aside=site.settings.data_dir)
    with site.db.write() as tx:
        store.put_mark(tx, store.SEGMENT, head.mark)
        store.put_mark(tx, store.SEGMENT_MADE, micros(site.clock.now()))
        store.put_mark(tx, store.SEGMENT_LISTS, head.lists)
        store.put_mark(tx, store.SEGMENT_GONE, gone)


def _is_large(tx: Tx, site: Site) -> bool:
    least = site.settings.segments_from_links
    return least > 0 and lists.links_since(tx, 0) >= least


def _due(site: Site) -> bool:
    """Say whether a segment is to be made; let none count that is not worth it any more."""
    with site.db.read() as tx:
        large, links, manifest = _is_large(tx, site), lists.links_since(tx, 0), _Manifest.read(tx)
        newer = lists.links_since(tx, manifest.lists)
        changed = newer > 0 or line_store.edition(tx).gone != manifest.gone
    if not large:
        if manifest.mark:
            with site.db.write() as tx:
                store.put_mark(tx, store.SEGMENT, 0)
        return False
    if not manifest.mark or not site.files.has(name(manifest.mark)):
        return manifest.age(site) >= _APART
    return (changed and manifest.age(site) >= _AGE) or newer * _NEWER > links


def _tidy(site: Site) -> None:
    with site.db.read() as tx:
        manifest = _Manifest.read(tx)
    if manifest.age(site) < _STAYS:
        return
    for one in site.files.names():
        if one.startswith(_PREFIX) and one != name(manifest.mark):
            site.files.remove(one)


def _note(site: Site, *, away: bool) -> None:
    """Note since when files cannot be read or written."""
    with site.db.read() as tx:
        noted = store.cursor(tx, store.FILES_AWAY)
    if away != bool(noted):
        with site.db.write() as tx:
            store.put_mark(tx, store.FILES_AWAY, micros(site.clock.now()) if away else 0)
