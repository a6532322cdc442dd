"""Readings of lists from linked accounts, gone on with while they are due."""

from __future__ import annotations

from collections.abc import Iterable

from openportability.archives import importing
from openportability.domain import AccountId
from openportability.jobs.port import Chore, Job, Wake
from openportability.site import Site


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def read_lists(key: str) -> None:
        if importing.read_on(site, AccountId(int(key))):
            site.engine.wake(Wake(job=importing.READ_LISTS, key=key))

    def due() -> Iterable[Wake]:
        return [Wake(job=importing.READ_LISTS, key=str(one)) for one in importing.due(site)]

    return (
        [Job(name=importing.READ_LISTS, run=read_lists)],
        [Chore(name=importing.READ_LISTS, seconds=20, look=due)],
    )
