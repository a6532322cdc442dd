"""How many people somebody sees, for pages that show numbers alone.

Counted again where something changed: what the person is shown, whom they brought, or anybody in the directory. What is
kept in between are numbers under a hash: no rows are held in memory for that. It takes a set's visible part alone, so
whether a page is quick tells nothing of who hides.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from openportability.accounts.people import Edition
from openportability.clock import EPOCH
from openportability.domain import NetworkName, UserId
from openportability.matching.directory import Directory
from openportability.matching.seen import Seen
from openportability.matching.sets import MatchSet

#: Who sees them, what they are shown of their match set as a hash, where their lists are from, when they last looked.
_About = tuple[UserId, bytes, frozenset[NetworkName], datetime | None]
#: Most people whose numbers are kept at once.
_MOST = 10_000


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many there are."""

    #: Those who were not put aside.
    people: int
    #: Places where all of them can be found, those who were put aside included.
    places: int
    #: Of the people: who arrived since the person last looked at them.
    arrived: int


NOBODY = Count(people=0, places=0, arrived=0)


class Counts:
    """What this process counted of one edition of the directory."""

    def __init__(self) -> None:
        self._edition: Edition | None = None
        self._counted: dict[_About, Count] = {}
        self._lock = Lock()

    def of(
        self,
        directory: Directory,
        met: MatchSet,
        user: UserId,
        brought: Collection[NetworkName],
        looked_at: datetime | None,
    ) -> Count:
        """Return what `Seen` of the same would count."""
        key = user, met.digest(), frozenset(brought), looked_at
        with self._lock:
            counted = self._counted.get(key) if self._edition == directory.edition else None
        if counted is None:
            counted = count(Seen(directory, met, user, brought), looked_at)
            self._keep(directory.edition, key, counted)
        return counted

    def _keep(self, edition: Edition, key: _About, counted: Count) -> None:
        with self._lock:
            if self._edition != edition or len(self._counted) >= _MOST:
                self._edition, self._counted = edition, {}
            self._counted[key] = counted


def count(people: Seen, looked_at: datetime | None) -> Count:
    """Count who is shown, and who of them came since they were last looked at."""
    kept = ~people.dismissed
    return Count(
        people=int(kept.sum()),
        places=people.count_places(),
        arrived=int((kept & people.arrived_since(looked_at or EPOCH)).sum()),
    )
