"""Readings of lists from linked accounts, gone on with while they are due."""

from __future__ import annotations

from collections.abc import Iterable

from openportability.archives import importing, store
from openportability.domain import AccountId
from openportability.jobs.port import Chore, Job, Wake
from openportability.site import Site

#: Readings woken by one look; the rest is found by the next.
_AT_ONCE = 1000


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def read_lists(key: str) -> None:
        if importing.read_on(site, AccountId(int(key))):
            site.engine.wake(Wake(job=importing.READ_LISTS, key=key))

    def due() -> Iterable[Wake]:
        with site.db.read() as tx:
            accounts = store.due_fetches(tx, site.clock.now(), _AT_ONCE)
        return [Wake(job=importing.READ_LISTS, key=str(account)) for account in accounts]

    return (
        [Job(name=importing.READ_LISTS, run=read_lists)],
        [Chore(name=importing.READ_LISTS, seconds=20, look=due)],
    )
