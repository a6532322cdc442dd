"""The public numbers, for programs."""

from __future__ import annotations

from pydantic import BaseModel

from openportability.accounts.session import TheSite
from openportability.stats import service
from openportability.stats.rules import LEAST, Counts
from openportability.web.routing import Router
from openportability.web.who import anybody

router = Router(prefix="/api/v1", tags=["stats"])


class DayOut(BaseModel):
    """Totals at the end of a day (UTC), of today as they were within the hour; what is too small to tell is absent."""

    day: str
    counts: Counts


class StatsOut(BaseModel):
    """The public numbers of a year, the earliest day first."""

    #: Counts below this are not told, others in full multiples of it.
    threshold: int
    days: list[DayOut]


@router.get("/stats")
@anybody
def stats(site: TheSite) -> StatsOut:
    """Return people, accounts by network, links brought and links restored, day by day."""
    with site.db.read() as tx:
        days = service.public(tx, site)
    return StatsOut(
        threshold=LEAST,
        days=[DayOut(day=one.day.isoformat(), counts=one.counts) for one in days],
    )
