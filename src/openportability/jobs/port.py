"""What wakes workers. An engine holds no truth: lose every queued wake, and the chores find the work again in the rows.

No wake has a time and no engine retries a job: times and attempts live in rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from openportability.errors import without_words

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Wake:
    """The request to look at one row now."""

    job: str
    #: The number of a row, as text: a queue holds nothing about a person.
    key: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work for one row, or for all."""

    name: str
    run: Callable[[str], None]
    #: It is for all, so it goes before what is for one row: a long queue must not keep it.
    ahead: bool = False


@dataclass(frozen=True, kw_only=True)
class Chore:
    """A look over rows that says what is due, every `seconds`."""

    name: str
    seconds: int
    look: Callable[[], Iterable[Wake]]


@dataclass(frozen=True, kw_only=True)
class Health:
    """How an engine is doing: wakes that wait, jobs that run, jobs that raised since the start."""

    waiting: int
    running: int
    failed: int


class Engine(Protocol):
    """What both engines promise, as told by the suite in tests/jobs/test_contract.py."""

    def prepare(self) -> None:
        """Make what the engine keeps in the database, once, whoever starts first."""

    def register(self, work: Work) -> None:
        """Say what the jobs and chores are; once, before anything is woken."""

    def wake(self, wake: Wake) -> None:
        """Run this job for this key soon. Repeats that wait collapse into one."""

    def forget(self, key: str) -> int:
        """Drop what waits for a key, whatever the job; return how many."""

    def run(self, stop: Event) -> None:
        """Work until told to stop; finish what is begun. An error in a job is logged and outlived."""

    def turn(self) -> int:
        """Do all chores once, then all that waits, until nothing does. Errors are let through."""

    def health(self) -> Health: ...

    def close(self) -> None:
        """Let go of connections. What waits stays where the engine keeps it."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """All jobs and chores of the program, as `app` joins them."""

    jobs: Sequence[Job]
    chores: Sequence[Chore]


def log_failure(job: str, error: Exception) -> None:
    """Log what raised and where; not for whom."""
    log.error("job_failed", extra={"job": job, **without_words(error)})
