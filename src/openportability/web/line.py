"""Who may bring lists now, and who comes later: on a crowded day pages and signing in go first.

Each process lets so many in, whether their file is still on its way or being read. Whoever comes then is told their
place and when to come back, before their file is sent; the place is kept for who does come back. What
arrived is matched by workers, later and never wrongly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from openportability.errors import Busy

#: Who waits comes back after so long, and longer the further behind: some 25 people are served a second.
_SOON = timedelta(seconds=2)
_LATEST = timedelta(seconds=30)
_SERVED_A_SECOND = 25
#: How long a place is kept for who does not come back in time.
_KEPT = timedelta(seconds=60)
#: So many files of one person at a time: more would be others' turns.
_MOST_EACH = 3
#: Most places kept at once; who comes then is told the last one.
_MOST_PLACES = 10_000


class Line:
    """The line of one process. Used in its event loop only."""

    def __init__(self, most: int) -> None:
        #: How many may be inside at a time.
        self.most = most
        self._inside: Counter[bytes] = Counter()
        #: Who waits, first come first, and until when their place is kept.
        self._waiting: dict[bytes, datetime] = {}

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @contextmanager
    def turn(self, who: bytes, now: datetime) -> Iterator[None]:
        """Hold a turn for as long as the block takes; raise `Busy` with the place of who must wait."""
        self._waiting = {one: kept for one, kept in self._waiting.items() if kept > now}
        ahead = _index(who, self._waiting)
        if self._inside.total() + ahead >= self.most or self._inside[who] >= _MOST_EACH:
            until = now + min(_SOON + timedelta(seconds=ahead // _SERVED_A_SECOND), _LATEST)
            if who in self._waiting or len(self._waiting) < _MOST_PLACES:
                self._waiting[who] = until + _KEPT
            raise Busy(until, "svc.queue", place=ahead + 1)
        self._waiting.pop(who, None)
        self._inside[who] += 1
        try:
            yield
        finally:
            self._inside[who] -= 1
            self._inside += Counter()  # forgets who has none


def _index(who: bytes, waiting: dict[bytes, datetime]) -> int:
    """Return how many stand before somebody."""
    return next((at for at, one in enumerate(waiting) if one == who), len(waiting))
