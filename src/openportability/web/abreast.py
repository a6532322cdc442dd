"""How many pages a process makes at a time: two for each processor, the others in a line before them.

Fifty pages that are made at once are all ready late; made in turn each is ready soon after it is begun, half of them
in half the time, and none holds a connection and memory while it waits. So whoever only looks takes a place until the
answer begins. Who waits for other servers or reads lists gives it back; who waited long comes in without one, so that
nothing that holds the places can hold a site.
"""

from __future__ import annotations

import os
from contextvars import ContextVar

from anyio import CapacityLimiter, move_on_after
from anyio.lowlevel import RunVar
from starlette.types import Scope

from openportability.clock import monotonic

#: Where whoever measures finds for how many seconds a request stood in line.
WAITED = "openportability.waited"
_LOOKS = frozenset({"GET", "HEAD"})
#: What machines ask for, and files, are quick: they stand in no line.
_QUICK = ("/static/", "/healthz", "/readyz", "/metrics")
#: While one page goes from thread to thread another is made: with one for each, all wait longer.
_EACH = 2
#: Nobody stands in line longer.
_PATIENCE_SECONDS = 5.0

_PLACES: RunVar[CapacityLimiter] = RunVar("openportability.abreast")


class Place:
    """One page's place among those that are being made."""

    def __init__(self, places: CapacityLimiter) -> None:
        self._places = places
        self._held = False

    async def take(self) -> None:
        """Stand in line, and take the place when it comes."""
        with move_on_after(_PATIENCE_SECONDS):
            await self._places.acquire_on_behalf_of(self)
            self._held = True

    def give_back(self) -> None:
        """Let the next one in; once is enough."""
        if self._held:
            self._held = False
            self._places.release_on_behalf_of(self)


_PLACE: ContextVar[Place | None] = ContextVar("place", default=None)


def share_out() -> None:
    """Let so many pages be made at a time in this event loop."""
    _PLACES.set(CapacityLimiter(_EACH * (os.cpu_count() or 1)))


async def enter(scope: Scope) -> None:
    """Take a place for a request that only looks, and say how long that took."""
    places = _PLACES.get(None)
    if places is None or scope["method"] not in _LOOKS or scope["path"].startswith(_QUICK):
        return
    place = Place(places)
    _PLACE.set(place)
    began = monotonic()
    await place.take()
    scope[WAITED] = monotonic() - began


def give_back() -> None:
    """Give back the place of the request that is being answered, if it has one."""
    place = _PLACE.get()
    if place is not None:
        place.give_back()
