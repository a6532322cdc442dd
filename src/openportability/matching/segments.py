"""When a segment of all lists is made, and which one a process may use; a village has none.

It lies in the data directory of whichever worker made it. The database names it by a mark: a file that a restored
database, another machine or a newer build has left behind is not used, and then all lists are read.
"""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from itertools import chain
from pathlib import Path
from threading import Lock

from openportability.accounts import line_store
from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.graph import pass_store, segment_build
from openportability.graph import store as lists
from openportability.graph.segment import Head, Segment
from openportability.matching import store
from openportability.site import Site
from openportability.vault import Unreadable

#: Made again when more than one in so many links came since; they are read one list at a time.
_NEWER = 50
#: Made again after that time if anything changed: so long at most stands in it who left.
_AGE = timedelta(days=1)
#: One that is missing or damaged is made again no sooner: it may lie on another machine.
_APART = timedelta(hours=1)
#: What a killed build left behind.
_LEFT_SECONDS = 6 * 3600


class Segments:
    """The segment of this process."""

    def __init__(self) -> None:
        self._open: Segment | None = None
        self._lock = Lock()

    def current(self, tx: Tx, site: Site) -> Segment | None:
        """Return the segment that belongs to the database as the transaction sees it, if there is one."""
        mark = store.cursor(tx, store.SEGMENT)
        if not mark:
            return None
        with self._lock:
            if self._open is None or self._open.head.mark != mark:
                self._open = _opened(site)
            fits = self._open is not None and self._open.head.mark == mark
            return self._open if fits else None

    def refuse(self, site: Site) -> None:
        """Do without the segment, which is damaged; the next look has a new one made."""
        with self._lock:
            self._open = None
            path(site).unlink(missing_ok=True)


def path(site: Site) -> Path:
    """Return where the segment lies."""
    return site.settings.data_dir / "segment"


def due(site: Site) -> bool:
    """Say whether a segment is to be made; take away one that is not worth it any more."""
    least = site.settings.segments_from_links
    with site.db.read() as tx:
        links = lists.links_since(tx, 0)
        if not least or links < least:
            path(site).unlink(missing_ok=True)
            return False
        segment = site.memory.of(Segments).current(tx, site)
        if segment is None:
            return site.clock.now() - moment(store.cursor(tx, store.SEGMENT_MADE)) >= _APART
        head = segment.head
        newer = lists.links_since(tx, head.lists)
        changed = newer > 0 or line_store.edition(tx).gone != head.gone
    old = site.clock.now() - moment(head.made_at) >= _AGE
    return (changed and old) or newer * _NEWER > links


def build(site: Site) -> None:
    """Make a segment of all lists and use it from now on."""
    _sweep_up(site)
    with site.db.read() as tx:
        head = Head(
            mark=1 + secrets.randbits(62),
            lists=lists.newest_seq(tx),
            gone=line_store.edition(tx).gone,
            made_at=micros(site.clock.now()),
            links=lists.links_since(tx, 0),
        )
    every = chain.from_iterable(pass_store.over_all(site.db, site.vault, None))
    new = path(site).with_suffix(f".{head.mark}")
    try:
        segment_build.write(new, site.vault, head, every)
        new.replace(path(site))
    finally:
        new.unlink(missing_ok=True)
    with site.db.write() as tx:
        store.put_mark(tx, store.SEGMENT, head.mark)
        store.put_mark(tx, store.SEGMENT_MADE, head.made_at)


def _opened(site: Site) -> Segment | None:
    try:
        return Segment(path(site), site.vault)
    except (OSError, Unreadable):
        return None


def _sweep_up(site: Site) -> None:
    for left in path(site).parent.glob("segment.*"):
        if left.stat().st_mtime < time.time() - _LEFT_SECONDS:
            left.unlink(missing_ok=True)
