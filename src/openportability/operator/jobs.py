"""A worker's sign of life, and whether networks' directories answer: in the database, for every process to read."""

from __future__ import annotations

from collections.abc import Iterable

from openportability.clock import Jump, Watch
from openportability.errors import NetworkError
from openportability.jobs.port import Chore, Job, Wake
from openportability.operator import service, store
from openportability.site import Site


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""
    looked_at: Jump | None = None
    begun = False

    def sign_of_life() -> Iterable[Wake]:
        nonlocal looked_at, begun
        jump = site.memory.of(Watch).look(site.clock)
        # Before it began, the clock may have been set while nobody worked.
        may_be_back = jump != looked_at or not begun
        with site.db.write() as tx:
            now = site.clock.now()
            # Of the workers on one machine the first puts it right: its sign of life is not ahead any more.
            ahead = (store.worker_seen(tx, hold=True) or now) - now
            if may_be_back and ahead >= Watch.LEAST:
                service.turn_back(tx, now, ahead)
            store.note_worker(tx, now)
        looked_at, begun = jump, True
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
