"""A worker's sign of life, in the database: any process of the site can read it, whichever engine runs."""

from __future__ import annotations

from collections.abc import Iterable

from openportability.jobs.port import Chore, Job, Wake
from openportability.operator import store
from openportability.site import Site


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def sign_of_life() -> Iterable[Wake]:
        with site.db.write() as tx:
            store.note_worker(tx, site.clock.now())
        return ()

    return [], [Chore(name="sign-of-life", seconds=20, look=sign_of_life)]
