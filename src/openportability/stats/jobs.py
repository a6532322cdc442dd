"""Counts the whole site now and then; the last look of a day is what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable

from openportability.jobs.port import Chore, Job, Wake
from openportability.site import Site
from openportability.stats import store

#: Public numbers are no clock: they may be an hour old.
_SECONDS = 3600


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def count() -> Iterable[Wake]:
        with site.db.read() as tx:
            counts = store.count_now(tx)
        with site.db.write() as tx:
            store.put(tx, site.clock.now().date(), counts)
        return ()

    return [], [Chore(name="daily-totals", seconds=_SECONDS, look=count)]
