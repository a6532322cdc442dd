"""The engine of a single process: a queue in memory, threads, and a timetable of chores.

It dies with its process; the chores, all due at the start, fill it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Condition, Event, Thread

from openportability.clock import monotonic
from openportability.jobs.port import Chore, Health, Wake, Work, log_failure

#: Chores run as jobs of this name; the key is the chore's name. No other job may be called so.
CHORE = "chore"


class LocalRunner:
    """Never does a job for a key twice at once: a wake that comes in between waits for the end."""

    def __init__(self, *, threads: int, clock: Callable[[], float] = monotonic) -> None:
        self._threads = threads
        self._clock = clock
        self._jobs: dict[str, Callable[[str], None]] = {}
        self._chores: dict[str, Chore] = {}
        self._ahead = {CHORE}
        #: Guards what follows, and is notified when there may be something to take.
        self._changed = Condition()
        # Sets that keep their order. What goes first: chores, and jobs for all.
        self._first: dict[Wake, None] = {}
        self._waiting: dict[Wake, None] = {}
        self._running: set[Wake] = set()
        self._failed = 0

    def prepare(self) -> None:
        """Do nothing: it keeps nothing in the database."""

    def register(self, work: Work) -> None:
        self._jobs = {job.name: job.run for job in work.jobs} | {CHORE: self._look}
        self._chores = {chore.name: chore for chore in work.chores}
        self._ahead = {CHORE, *(job.name for job in work.jobs if job.ahead)}

    def wake(self, wake: Wake) -> None:
        with self._changed:
            (self._first if wake.job in self._ahead else self._waiting).setdefault(wake)
            self._changed.notify()

    def forget(self, key: str) -> int:
        with self._changed:
            queues = (self._first, self._waiting)
            forgotten = [
                (queue, wake)
                for queue in queues
                for wake in queue
                if wake.key == key and wake.job != CHORE
            ]
            for queue, wake in forgotten:
                del queue[wake]
            return len(forgotten)

    def run(self, stop: Event) -> None:
        timetable = Timetable(list(self._chores.values()), now=self._clock())
        self._wake_chores(timetable.take(self._clock()))
        workers = [Thread(target=self._work, args=(stop,)) for _ in range(self._threads)]
        for worker in workers:
            worker.start()
        while not stop.wait(timetable.seconds_to_next(self._clock())):
            self._wake_chores(timetable.take(self._clock()))
        with self._changed:
            self._changed.notify_all()
        for worker in workers:
            worker.join()

    def turn(self) -> int:
        for name in self._chores:
            self._look(name)
        done = 0
        while (wake := self._take()) is not None:
            done += 1
            self._do(wake)
        return done

    def health(self) -> Health:
        with self._changed:
            running = sum(wake.job != CHORE for wake in self._running)
            waiting = sum(wake.job != CHORE for wake in (*self._first, *self._waiting))
            return Health(waiting=waiting, running=running, failed=self._failed)

    def close(self) -> None:
        """Do nothing: it holds no connections."""

    def _look(self, name: str) -> None:
        for wake in self._chores[name].look():
            self.wake(wake)

    def _wake_chores(self, chores: Iterable[Chore]) -> None:
        for chore in chores:
            self.wake(Wake(job=CHORE, key=chore.name))

    def _work(self, stop: Event) -> None:
        while (wake := self._next(stop)) is not None:
            try:
                self._do(wake)
            except Exception as error:  # noqa: BLE001 - a job may fail in any way; others go on
                log_failure(wake.key if wake.job == CHORE else wake.job, error)

    def _next(self, stop: Event) -> Wake | None:
        with self._changed:
            while not stop.is_set():
                if (wake := self._take()) is not None:
                    return wake
                self._changed.wait()
        return None

    def _take(self) -> Wake | None:
        with self._changed:
            for queue in (self._first, self._waiting):
                for wake in queue:
                    if wake not in self._running:
                        del queue[wake]
                        self._running.add(wake)
                        return wake
        return None

    def _do(self, wake: Wake) -> None:
        failed = True
        try:
            self._jobs[wake.job](wake.key)
            failed = False
        finally:
            with self._changed:
                self._failed += failed
                self._running.discard(wake)
                self._changed.notify()  # the same wake may have come again


class Timetable:
    """When each chore is due: at once, then whenever its seconds have passed."""

    def __init__(self, chores: Sequence[Chore], *, now: float) -> None:
        self._next = {chore.name: now for chore in chores}
        self._chores = chores

    def seconds_to_next(self, now: float) -> float | None:
        """Return how long nothing is due; None where there is no chore at all."""
        return max(0.0, min(self._next.values()) - now) if self._next else None

    def take(self, now: float) -> Iterable[Chore]:
        """Return what is due and put it off by its seconds. What was missed is not made up for."""
        due = [chore for chore in self._chores if self._next[chore.name] <= now]
        for chore in due:
            self._next[chore.name] = now + chore.seconds
        return due
