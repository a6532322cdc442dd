"""How jobs and chores end: counted in each process, added up in the database for whoever tells the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock

from openportability.clock import monotonic
from openportability.db.trouble import trouble
from openportability.errors import OpenPortabilityError
from openportability.jobs.port import Chore, Job, Wake
from openportability.operator import store
from openportability.site import Site

DONE = "done"
#: Numbers of what went well wait for so long.
_APART_SECONDS = 10.0


class Counted:
    """Counts what ends in this process."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._adding = Lock()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._told_at = monotonic()

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
            self._add(name, outcome)

    def _add(self, name: str, outcome: str) -> None:
        with self._adding:
            self._ended[name, outcome] += 1
            if outcome == DONE and monotonic() < self._told_at + _APART_SECONDS:
                return
            ended, self._ended = self._ended, Counter()
            self._told_at = monotonic()
        try:
            with self._site.db.write() as tx:
                store.add_jobs(tx, ended)
        except Exception as error:
            with self._adding:
                self._ended += ended
            if trouble(error) is None:
                raise
