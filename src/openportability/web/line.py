"""Who may bring lists now, and who comes later: on a crowded day pages and signing in go first.

Each process lets so many in, whether their file is still on its way or being read. Who is next to come in waits here,
with their file unread. All others are told their place and when to come back; the place is kept for who
does come back. What arrived is matched by workers, later and never wrongly.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import islice

from openportability.errors import Busy

#: So many for each turn wait here, so that there is always somebody to come in, and so long at most: an answer is
#: better than silence.
_HELD_A_TURN = 2
HELD_SECONDS = 5.0
#: All others come back after so long, and longer the further behind: sooner than anybody's turn, to wait here then.
_SOON = timedelta(seconds=2)
_LATEST = timedelta(seconds=30)
_BACK_A_SECOND = 40
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
        #: Who of them waits here.
        self._held: dict[bytes, asyncio.Event] = {}

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @asynccontextmanager
    async def turn(self, who: bytes, now: datetime) -> AsyncIterator[None]:
        """Hold a turn for as long as the block takes; raise `Busy` with the place of who must come back."""
        if not self.enter(who, now):
            await self._wait_here(who, now)
        try:
            yield
        finally:
            self.leave(who)

    def enter(self, who: bytes, now: datetime) -> bool:
        """Take a turn, or say that who asks is to wait here; raise `Busy` where they must come back."""
        self._waiting = {one: kept for one, kept in self._waiting.items() if kept > now}
        self._call()
        ahead = _index(who, self._waiting)
        before = self._inside.total() + ahead
        if self._inside[who] >= _MOST_EACH or who in self._held:
            raise self._sent_away(who, now, ahead, 0)
        if before < self.most:
            self._come_in(who)
            return True
        behind = before - self.most * (1 + _HELD_A_TURN)
        if behind >= 0:
            raise self._sent_away(who, now, ahead, behind)
        return False

    def leave(self, who: bytes) -> None:
        """Give a turn back."""
        self._inside[who] -= 1
        self._inside += Counter()  # forgets who has none
        self._call()

    async def _wait_here(self, who: bytes, now: datetime) -> None:
        # The place holds what is called out until they have come in.
        self._waiting.setdefault(who, now + _KEPT)
        self._held[who] = called = asyncio.Event()
        try:
            async with asyncio.timeout(HELD_SECONDS):
                await called.wait()
        except TimeoutError:
            if not called.is_set():
                later = now + timedelta(seconds=HELD_SECONDS)
                raise self._sent_away(who, later, _index(who, self._waiting), 0) from None
        finally:
            del self._held[who]
        self._come_in(who)

    def _come_in(self, who: bytes) -> None:
        self._waiting.pop(who, None)
        self._inside[who] += 1

    def _call(self) -> None:
        """Call those of the first who wait here, as many as there are turns."""
        for who in islice(self._waiting, max(0, self.most - self._inside.total())):
            if who in self._held:
                self._held[who].set()

    def _sent_away(self, who: bytes, now: datetime, ahead: int, behind: int) -> Busy:
        """Keep a place; return what tells it, and when to come back for who has so many behind those held."""
        until = now + min(_SOON + timedelta(seconds=behind // _BACK_A_SECOND), _LATEST)
        if who in self._waiting or len(self._waiting) < _MOST_PLACES:
            self._waiting[who] = until + _KEPT
        return Busy(until, "svc.queue", place=ahead + 1)


def _index(who: bytes, waiting: dict[bytes, datetime]) -> int:
    """Return how many stand before somebody."""
    return next((at for at, one in enumerate(waiting) if one == who), len(waiting))
