"""A worker's sign of life, and whether networks' directories answer: in the database, for every process to read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from openportability.clock import Jump, Watch
from openportability.errors import NetworkError
from openportability.jobs.port import Chore, Job, Wake
from openportability.operator import service, store
from openportability.site import Site


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""
    put_right: Jump | None = None
    begun = False

    def sign_of_life() -> Iterable[Wake]:
        nonlocal put_right, begun
        jump = site.memory.of(Watch).look(site.clock)
        with site.db.write() as tx:
            now = site.clock.now()
            ahead = timedelta(0)
            if not begun:  # the clock may have been set while nobody worked
                ahead = (store.worker_seen(tx) or now) - now
            elif jump and jump != put_right:
                ahead = -jump.by
            if ahead >= Watch.LEAST:
                service.turn_back(tx, now, ahead)
            store.note_worker(tx, now)
        put_right, begun = jump, True
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
