"""What only the engine on PostgreSQL promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from procrastinate.schema import SchemaManager

from openportability.jobs import procrastinate
from openportability.jobs.port import Chore, Job, Wake, Work
from openportability.jobs.procrastinate import ProcrastinateEngine, cron
from tests.postgresql import Cluster

LONG = 30


@pytest.fixture
def url(postgresql: Cluster) -> Iterator[str]:
    with postgresql.new(template="template1") as url:
        yield url


@pytest.fixture
def make(url: str) -> Iterator[Callable[[], ProcrastinateEngine]]:
    made: list[ProcrastinateEngine] = []

    def one() -> ProcrastinateEngine:
        engine = ProcrastinateEngine(url, threads=1)
        made.append(engine)
        engine.prepare()
        return engine

    yield one
    for engine in made:
        engine.close()


Make = Callable[[], ProcrastinateEngine]


def ask(url: str, statement: bytes) -> list[tuple[object, ...]]:
    plain = url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def work(run: Callable[[str], None], *chores: Chore) -> Work:
    return Work(jobs=[Job(name="serve", run=run)], chores=chores)


def serve(key: str) -> Wake:
    return Wake(job="serve", key=key)


@contextmanager
def running(engine: ProcrastinateEngine) -> Iterator[None]:
    stop = Event()
    thread = Thread(target=engine.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LONG)
        assert not thread.is_alive()


def test_engines_that_start_together_make_the_tables_once(url: str) -> None:
    engines = [ProcrastinateEngine(url, threads=1) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(engine.prepare) for engine in engines]:
            done.result()
    for engine in engines:
        engine.close()
    assert ask(url, b"SELECT count(*) FROM procrastinate_jobs") == [(0,)]


def test_wakes_from_many_threads_collapse(make: Make) -> None:
    engine = make()
    engine.register(work(print))
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(engine.wake, serve(str(n % 2))) for n in range(40)]:
            done.result()
    assert engine.health().waiting == 2


def test_one_engine_does_what_another_was_woken_for(make: Make) -> None:
    one, other = make(), make()
    served: list[str] = []
    one.register(work(served.append))
    other.register(work(served.append))
    one.wake(serve("1"))
    assert other.turn() == 1
    assert other.forget("1") == 0
    assert served == ["1"]


def test_a_chore_may_find_more_than_one_statement_takes(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(procrastinate, "BATCH", 7)
    served: list[str] = []
    engine = make()
    found = [serve(str(n % 20)) for n in range(40)]
    engine.register(work(served.append, Chore(name="find", seconds=60, look=lambda: found)))
    engine.turn()
    assert served == [str(n) for n in range(20)]


def test_a_chore_is_looked_at_once_for_all_workers(make: Make) -> None:
    looks: list[str] = []
    seen = {"first": Event(), "second": Event()}

    def chore(name: str) -> Chore:
        def look() -> list[Wake]:
            looks.append(name)
            seen[name].set()
            return []

        return Chore(name=name, seconds=86_400, look=look)

    one, other = make(), make()
    one.register(work(print, chore("first")))
    other.register(work(print, chore("first"), chore("second")))
    with running(one):
        assert seen["first"].wait(LONG)
    # Chores are put into the queue in order: the second one shows that the first was not again.
    with running(other):
        assert seen["second"].wait(LONG)
    assert looks == ["first", "second"]


def test_nothing_is_kept_of_what_is_done(make: Make, url: str) -> None:
    last = Event()
    engine = make()

    def fail(key: str) -> None:
        if key == "last":
            last.set()
        raise ValueError

    engine.register(work(fail))
    engine.wake(serve("1"))
    engine.wake(serve("last"))
    with running(engine):
        assert last.wait(LONG)
    assert engine.health().failed == 2
    # Of other names are chores only: one that came due at the last moment waits for the next worker.
    assert ask(url, b"SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'serve'") == [(0,)]
    assert ask(url, b"SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_what_a_killed_worker_had_begun_blocks_nobody_and_is_swept(make: Make, url: str) -> None:
    served: list[str] = []
    engine = make()
    engine.register(work(served.append))
    engine.wake(serve("1"))
    engine.wake(serve("2"))
    ask(url, b"INSERT INTO procrastinate_workers DEFAULT VALUES")
    ask(url, b"UPDATE procrastinate_jobs SET status = 'doing'")
    ask(
        url,
        b"UPDATE procrastinate_jobs SET worker_id = (SELECT id FROM procrastinate_workers) "
        b"WHERE args->>'key' = '2'",
    )
    engine.wake(serve("1"))
    assert engine.turn() == 1
    assert served == ["1"]
    assert ask(url, b"SELECT args->>'key' FROM procrastinate_jobs") == [("2",)]
    ask(url, b"UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    assert engine.turn() == 0
    assert ask(url, b"SELECT count(*) FROM procrastinate_jobs") == [(0,)]


@pytest.mark.slow
def test_a_worker_outlives_a_restart_of_the_database(
    make: Make, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(procrastinate, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(procrastinate, "POLL_SECONDS", 0.1)
    served = {"before": Event(), "after": Event()}
    engine = make()
    engine.register(work(lambda key: served[key].set()))
    with running(engine):
        engine.wake(serve("before"))
        assert served["before"].wait(LONG)
        ask(
            url,
            b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            b"WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        engine.wake(serve("after"))
        assert served["after"].wait(LONG)


@pytest.mark.parametrize(
    ("seconds", "expression"),
    [
        (1, "* * * * * */1"),
        (5, "* * * * * */5"),
        (20, "* * * * * */20"),
        (60, "*/1 * * * *"),
        (600, "*/10 * * * *"),
        (3_600, "0 */1 * * *"),
        (86_400, "0 0 * * *"),
    ],
)
def test_a_period_is_a_cron_expression(seconds: int, expression: str) -> None:
    assert cron(seconds) == expression


@pytest.mark.parametrize("seconds", [0, 7, 61, 90, 420, 7 * 3_600, 2 * 86_400])
def test_a_period_that_parts_nothing_evenly_is_refused(seconds: int) -> None:
    with pytest.raises(ValueError, match=f"every {seconds} s"):
        cron(seconds)


#: What the tables are: columns and functions, by name.
SHAPE = b"""
    SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_name LIKE 'procrastinate%' UNION ALL
    SELECT proname, pg_get_function_identity_arguments(oid), md5(prosrc) FROM pg_proc
    WHERE proname LIKE 'procrastinate%' UNION ALL
    SELECT 'comment', obj_description('procrastinate_jobs'::regclass, 'pg_class'), '' ORDER BY 1, 2, 3
"""
WAITS = b"""
    INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args)
    VALUES ('openportability', 'serve', 'serve:1', '{"key": "1"}')
"""


def test_tables_of_an_older_library_are_brought_further_with_what_waits(
    url: str, make: Make, postgresql: Cluster
) -> None:
    migrations = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    older = [one for one in migrations if one.stem < "03"]
    for one in older:
        ask(url, one.read_bytes())
    ask(url, f"COMMENT ON TABLE procrastinate_jobs IS '{older[-1].stem}'".encode())
    ask(url, WAITS)
    served: list[str] = []
    engine = make()
    engine.register(work(served.append))
    assert engine.turn() == 1
    assert served == ["1"]
    with postgresql.new(template="template1") as fresh:
        with closing(ProcrastinateEngine(fresh, threads=1)) as other:
            other.prepare()
        assert ask(url, SHAPE) == ask(fresh, SHAPE)
    make()
    assert ask(url, SHAPE)[0] == ("comment", migrations[-1].stem, "")


def test_tables_that_a_newer_library_has_brought_further_are_left_alone(
    url: str, make: Make
) -> None:
    make()
    ask(url, b"COMMENT ON TABLE procrastinate_jobs IS '99.00.00_01_later'")
    before = ask(url, SHAPE)
    make()
    assert ask(url, SHAPE) == before
