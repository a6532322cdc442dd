"""What is forgotten when its time is over."""

from __future__ import annotations

from collections.abc import Iterable

from openportability.jobs.port import Chore, Job, Wake
from openportability.site import Site
from openportability.web import store as tallies

_HOUR_SECONDS = 3600


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def purge() -> Iterable[Wake]:
        with site.db.write() as tx:
            tallies.forget_past(tx, site.clock.now())
        return ()

    return [], [Chore(name="purge-tallies", seconds=_HOUR_SECONDS, look=purge)]
