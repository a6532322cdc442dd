"""How jobs and chores end: counted in each process, added up in the database for whoever tells the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from openportability.db.gathered import Gathered
from openportability.db.trouble import trouble
from openportability.errors import OpenPortabilityError
from openportability.jobs.port import Chore, Job, Wake
from openportability.operator import store
from openportability.site import Site

DONE = "done"


class Counted:
    """Counts what ends in this process."""

    def __init__(self, site: Site) -> None:
        self._ended = Gathered(site.db, store.add_jobs)

    def job(self, job: Job) -> Job:
        """Return the job, counted."""

        def run(key: str) -> None:
            with self._counting(job.name):
                job.run(key)

        return replace(job, run=run)

    def chore(self, chore: Chore) -> Chore:
        """Return the chore, counted."""

        def look() -> Iterable[Wake]:
            with self._counting(chore.name):
                yield from chore.look()

        return replace(chore, look=look)

    @contextmanager
    def _counting(self, name: str) -> Iterator[None]:
        outcome = OpenPortabilityError.default_code
        try:
            yield
            outcome = DONE
        except OpenPortabilityError as error:
            outcome = error.code
            raise
        except Exception as error:
            outcome = trouble(error) or outcome
            raise
        finally:
            # Of what went wrong, somebody should know at once.
            self._ended.add({(name, outcome): 1}, now=outcome != DONE)
