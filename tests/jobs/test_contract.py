"""The promises of `jobs/port.py`, held by both engines: in memory, and on PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

import pytest

from openportability.jobs.local import LocalRunner
from openportability.jobs.port import Chore, Engine, Job, Wake, Work
from openportability.jobs.procrastinate import ProcrastinateEngine

#: Far more than anything here takes; a test that waits so long has failed.
LONG = 30

Make = Callable[[], Engine]


@dataclass
class Rows:
    """A table of due rows, the job that serves one, and the chore that looks for all."""

    due: dict[str, None] = field(default_factory=dict)
    served: list[str] = field(default_factory=list)
    last: Event = field(default_factory=Event)

    def serve(self, key: str) -> None:
        self.due.pop(key, None)
        self.served.append(key)
        if key == "last":
            self.last.set()

    def look(self) -> list[Wake]:
        return [Wake(job="serve", key=key) for key in list(self.due)]

    def work(self, *others: Job, look: bool = False) -> Work:
        chores = [Chore(name="due", seconds=1, look=self.look)] if look else []
        return Work(jobs=[Job(name="serve", run=self.serve), *others], chores=chores)


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    """Make engines: one worker at a time, so that order can be told."""
    made: list[Engine] = []

    def one() -> Engine:
        engine: Engine
        if database_url.startswith("sqlite"):
            engine = LocalRunner(threads=1)
        else:
            engine = ProcrastinateEngine(database_url, threads=1)
        engine.prepare()
        made.append(engine)
        return engine

    yield one
    for engine in made:
        engine.close()


@contextmanager
def running(engine: Engine) -> Iterator[Event]:
    stop = Event()
    thread = Thread(target=engine.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(LONG)
        assert not thread.is_alive()


def serve(key: str) -> Wake:
    return Wake(job="serve", key=key)


def test_a_turn_does_what_rows_say(make: Make) -> None:
    rows, engine = Rows(due=dict.fromkeys("312")), make()
    engine.register(rows.work(look=True))
    assert engine.turn() == 3
    assert rows.served == ["3", "1", "2"]
    assert engine.turn() == 0


def test_a_turn_does_also_what_its_jobs_wake(make: Make) -> None:
    rows, engine = Rows(), make()
    again = Job(name="again", run=lambda key: engine.wake(serve(key)))
    engine.register(rows.work(again))
    engine.wake(Wake(job="again", key="1"))
    assert engine.turn() == 2
    assert rows.served == ["1"]


def test_waiting_repeats_collapse(make: Make) -> None:
    rows, engine = Rows(due={"2": None}), make()
    engine.register(rows.work(look=True))
    for key in "1211":
        engine.wake(serve(key))
    assert engine.health().waiting == 2
    assert engine.turn() == 2
    assert rows.served == ["1", "2"]


def test_the_same_key_of_another_job_is_another_wake(make: Make) -> None:
    rows, engine = Rows(), make()
    engine.register(rows.work(Job(name="other", run=lambda key: rows.served.append("o" + key))))
    engine.wake(serve("1"))
    engine.wake(Wake(job="other", key="1"))
    assert engine.turn() == 2
    assert rows.served == ["1", "o1"]


def test_a_wake_during_a_run_leads_to_one_more_run(make: Make) -> None:
    rows, engine = Rows(), make()
    begun, go, runs = Event(), Event(), list[str]()

    def slow(key: str) -> None:
        runs.append(key)
        begun.set()
        assert go.wait(LONG)

    engine.register(rows.work(Job(name="slow", run=slow)))
    engine.wake(Wake(job="slow", key="1"))
    with running(engine):
        assert begun.wait(LONG)
        for _ in range(3):
            engine.wake(Wake(job="slow", key="1"))
        engine.wake(serve("last"))
        assert (engine.health().waiting, engine.health().running) == (2, 1)
        go.set()
        assert rows.last.wait(LONG)
    assert runs == ["1", "1"]
    assert (engine.health().waiting, engine.health().running) == (0, 0)


def test_what_is_for_all_goes_before_a_queue_of_what_is_for_one(make: Make) -> None:
    engine, rows = make(), Rows()
    engine.register(rows.work(Job(name="all", run=rows.serve, ahead=True)))
    for wake in (serve("1"), serve("2"), Wake(job="all", key="everybody")):
        engine.wake(wake)
    assert engine.health().waiting == 3
    engine.turn()
    assert rows.served == ["everybody", "1", "2"]


def test_forget_drops_what_waits_for_a_key(make: Make) -> None:
    rows, engine = Rows(), make()
    engine.register(rows.work(Job(name="other", run=rows.serve)))
    for wake in (serve("1"), Wake(job="other", key="1"), serve("2"), serve("11")):
        engine.wake(wake)
    assert engine.forget("1") == 2
    assert engine.forget("1") == 0
    engine.turn()
    assert rows.served == ["2", "11"]


def test_a_turn_lets_errors_through_and_the_rest_waits_on(make: Make) -> None:
    rows, engine = Rows(), make()
    engine.register(rows.work(Job(name="bad", run=lambda key: print(1 // 0))))
    for wake in (serve("1"), Wake(job="bad", key="1"), serve("2")):
        engine.wake(wake)
    with pytest.raises(ZeroDivisionError):
        engine.turn()
    assert rows.served == ["1"]
    assert (engine.health().waiting, engine.health().failed) == (1, 1)
    engine.turn()
    assert rows.served == ["1", "2"]


def test_a_turn_lets_errors_of_chores_through(make: Make) -> None:
    engine = make()
    chore = Chore(name="bad", seconds=60, look=lambda: [serve(str(1 // 0))])
    engine.register(Work(jobs=[], chores=[chore]))
    with pytest.raises(ZeroDivisionError):
        engine.turn()


def test_run_outlives_errors_and_tells_no_names(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="openportability")

    def bad(key: str) -> None:
        raise ValueError(f"somebody-{key}@example.org")

    rows, engine = Rows(), make()
    engine.register(rows.work(Job(name="bad", run=bad)))
    for wake in (Wake(job="bad", key="77"), Wake(job="unheard of", key="1"), serve("last")):
        engine.wake(wake)
    with running(engine):
        assert rows.last.wait(LONG)
    assert engine.health().failed >= 1
    [record] = [r for r in caplog.records if getattr(r, "job", None) == "bad"]
    assert (record.message, getattr(record, "error", "")) == ("job_failed", "ValueError")
    assert "somebody-77" not in caplog.text + getattr(record, "trace", "")
    assert engine.health().waiting == 0


def test_run_does_what_chores_find_without_any_wake(make: Make) -> None:
    rows, engine = Rows(due={"last": None}), make()
    engine.register(rows.work(look=True))
    with running(engine):
        assert rows.last.wait(LONG)
    assert "last" in rows.served


def test_run_outlives_a_chore_that_raises(make: Make) -> None:
    rows, engine = Rows(due={"last": None}), make()
    bad = Chore(name="bad", seconds=1, look=lambda: [serve(str(1 // 0))])
    work = rows.work(look=True)
    engine.register(Work(jobs=work.jobs, chores=[bad, *work.chores]))
    with running(engine):
        assert rows.last.wait(LONG)


def test_run_finishes_what_is_begun_and_loses_nothing_that_waits(make: Make) -> None:
    rows, engine = Rows(), make()
    begun, go = Event(), Event()

    def slow(key: str) -> None:
        begun.set()
        assert go.wait(LONG)
        rows.served.append("slow")

    engine.register(rows.work(Job(name="slow", run=slow)))
    engine.wake(Wake(job="slow", key="1"))
    engine.wake(serve("2"))
    with running(engine) as stop:
        assert begun.wait(LONG)
        stop.set()
        go.set()
    assert rows.served[0] == "slow"
    assert len(rows.served) + engine.health().waiting == 2


def test_run_returns_at_once_when_it_was_stopped_before(make: Make) -> None:
    rows, engine, stop = Rows(), make(), Event()
    engine.register(rows.work())
    stop.set()
    # In a thread, as a process does it: the main thread of tests may hold a browser's event loop.
    running_once = Thread(target=engine.run, args=(stop,))
    running_once.start()
    running_once.join(LONG)
    assert not running_once.is_alive()


def test_run_can_be_started_again(make: Make) -> None:
    rows, engine = Rows(), make()
    engine.register(rows.work())
    with running(engine):
        engine.wake(serve("last"))
        assert rows.last.wait(LONG)
    rows.last.clear()
    engine.wake(serve("last"))
    with running(engine):
        assert rows.last.wait(LONG)
    assert rows.served == ["last", "last"]


def test_losing_the_queue_loses_no_work(make: Make) -> None:
    rows, engine = Rows(due=dict.fromkeys("12")), make()
    engine.register(rows.work(look=True))
    for key in "12":
        engine.wake(serve(key))
        engine.forget(key)
    assert engine.health().waiting == 0
    assert engine.turn() == 2
    assert rows.served == ["1", "2"]
