"""A worker's sign of life, and whether networks' directories answer: in the database, for every process to read."""

from __future__ import annotations

from collections.abc import Iterable

from openportability.errors import NetworkError
from openportability.jobs.port import Chore, Job, Wake
from openportability.operator import store
from openportability.site import Site


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""

    def sign_of_life() -> Iterable[Wake]:
        with site.db.write() as tx:
            store.note_worker(tx, site.clock.now())
        return ()

    def ask_directories() -> Iterable[Wake]:
        for network in site.networks.values():
            if network.directory is not None:
                try:
                    network.directory()
                except NetworkError:
                    answers = False
                else:
                    answers = True
                with site.db.write() as tx:
                    store.note_directory(tx, network.name, answers=answers)
        return ()

    return [], [
        Chore(name="sign-of-life", seconds=20, look=sign_of_life),
        Chore(name="ask-directories", seconds=300, look=ask_directories),
    ]
