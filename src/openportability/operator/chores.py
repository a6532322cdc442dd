"""When each chore last ran: who promises that something is forgotten in time can be asked whether it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from openportability.jobs.port import Chore, Wake
from openportability.operator import store
from openportability.site import Site

#: Chores that come more often are seen by what they do.
_SELDOM_SECONDS = 600
#: No note is written more often.
_APART = timedelta(minutes=1)


def recorded(site: Site, chores: Iterable[Chore]) -> list[Chore]:
    """Return the chores, each of which is noted when it has run to its end, if it comes seldom."""
    return [_noted(site, chore) if chore.seconds >= _SELDOM_SECONDS else chore for chore in chores]


def _noted(site: Site, chore: Chore) -> Chore:
    last: datetime | None = None

    def look() -> Iterable[Wake]:
        nonlocal last
        wakes = list(chore.look())
        now = site.clock.now()
        if last is None or abs(now - last) >= _APART:
            with site.db.write() as tx:
                store.note_chore(tx, chore.name, now)
            last = now
        return wakes

    return replace(chore, look=look)
