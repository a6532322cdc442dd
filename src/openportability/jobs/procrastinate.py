"""The engine of many processes: Procrastinate's tables in PostgreSQL, and one worker a process.

Its `queueing_lock` collapses what waits. Its `lock` is not used: a killed worker would hold it for
ever. So two workers may do one job for one key at the same time, and the row's lease decides.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from threading import Event, Lock, Thread
from typing import Any

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from openportability.jobs import procrastinate_schema
from openportability.jobs.port import Chore, Health, Wake, Work, log_failure

log = logging.getLogger(__name__)

QUEUE = "openportability"

#: What the tasks of chores are called: this and the chore's name.
CHORE = "chore:"

#: Keys of PostgreSQL's advisory locks: "open" in ASCII, and a number.
SCHEMA_LOCK = 0x6F70656E_01
BATCH_LOCK = 0x6F70656E_02

#: Wakes that go to the database in one statement.
BATCH = 1_000

#: Connections for wakes, which take about a millisecond each.
WAKE_CONNECTIONS = 4

#: A worker gives a sign of life every 10 s, but none while it finishes what is begun.
STALLED_SECONDS = 120

#: Chores missed for longer than this are not made up for when a worker starts.
MISSED_SECONDS = 2 * 86_400

#: A worker is notified of wakes; this is the net for a notification that was lost.
POLL_SECONDS = 5.0

#: How long a worker waits that has lost the database.
PAUSE_SECONDS = 2.0

# A statement of our own, since the library's tells a repeat by an error: a line in the server's log
# for all that waits already, at each look of a chore.
ADD = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, priority)
    SELECT %(queue)s, job, job || ':' || key, jsonb_build_object('key', key), (job = ANY (%(ahead)s::text[]))::int
    FROM unnest(%(jobs)s::text[], %(keys)s::text[]) WITH ORDINALITY AS wakes (job, key, place)
    ORDER BY place
    ON CONFLICT DO NOTHING
"""
FORGET = """
    DELETE FROM procrastinate_jobs
    WHERE status = 'todo' AND queueing_lock = ANY (%(locks)s::text[])
"""
TAKE = """
    DELETE FROM procrastinate_jobs WHERE id = (
        SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = %(queue)s
        ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING task_name, args
"""
SWEEP = """
    DELETE FROM procrastinate_jobs AS job WHERE status = 'doing' AND NOT EXISTS (
        SELECT FROM procrastinate_workers AS worker WHERE worker.id = job.worker_id
        AND worker.last_heartbeat > now() - make_interval(secs => %(seconds)s)
    )
"""
COUNT = """
    SELECT count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing')
    FROM procrastinate_jobs WHERE queue_name = %(queue)s AND NOT starts_with(task_name, %(chore)s)
"""


class ProcrastinateEngine:
    """Does `threads` jobs at a time in this process, and shares one queue with all others."""

    def __init__(self, url: str, *, threads: int) -> None:
        self._url = "postgresql://" + url.partition("://")[2]  # without SQLAlchemy's driver
        self._threads = threads
        self._connector = SyncPsycopgConnector(
            conninfo=self._url, min_size=1, max_size=WAKE_CONNECTIONS
        )
        self._jobs: Sequence[str] = ()
        self._ahead: Sequence[str] = ()
        self._chores: Sequence[Chore] = ()
        self._tasks: dict[str, Callable[[dict[str, Any]], None]] = {}
        self._counting = Lock()
        self._failed = 0
        # At level INFO it logs each job with its key, and the words of errors.
        logging.getLogger("procrastinate").setLevel(logging.WARNING)

    def prepare(self) -> None:
        self._connector.open()
        with self._connector.pool.connection() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
            procrastinate_schema.prepare(connection)

    def register(self, work: Work) -> None:
        sweep = Chore(name="stalled jobs", seconds=60, look=self._sweep)
        self._chores = [*work.chores, sweep]
        self._jobs = [job.name for job in work.jobs]
        self._ahead = [job.name for job in work.jobs if job.ahead]
        self._tasks = {job.name: _with_key(job.run) for job in work.jobs}
        self._tasks |= {CHORE + chore.name: self._looker(chore) for chore in self._chores}

    def wake(self, wake: Wake) -> None:
        self._add([wake])

    def forget(self, key: str) -> int:
        locks = [f"{job}:{key}" for job in self._jobs]
        with self._connector.pool.connection() as connection:
            return connection.execute(FORGET, {"locks": locks}).rowcount

    def run(self, stop: Event) -> None:
        asyncio.run(self._serve(stop))

    def turn(self) -> int:
        for chore in self._chores:
            self._wake_all(chore.look())
        done = 0
        while (taken := self._take()) is not None:
            done += 1
            self._do(*taken)
        return done

    def health(self) -> Health:
        with self._connector.pool.connection() as connection:
            row = connection.execute(COUNT, {"queue": QUEUE, "chore": CHORE}).fetchone()
        waiting, running = row or (0, 0)
        return Health(waiting=waiting, running=running, failed=self._failed)

    def close(self) -> None:
        self._connector.close()

    def _wake_all(self, wakes: Iterable[Wake]) -> None:
        rest = iter(wakes)
        while batch := list(islice(rest, BATCH)):
            self._add(batch)

    def _add(self, wakes: Sequence[Wake]) -> None:
        jobs, keys = [wake.job for wake in wakes], [wake.key for wake in wakes]
        with self._connector.pool.connection() as connection:
            if len(wakes) > 1:  # the same wakes in two orders would lock each other out
                connection.execute("SELECT pg_advisory_xact_lock(%s)", [BATCH_LOCK])
            given = {"queue": QUEUE, "jobs": jobs, "keys": keys, "ahead": self._ahead}
            connection.execute(ADD, given)

    def _take(self) -> tuple[str, dict[str, Any]] | None:
        with self._connector.pool.connection() as connection:
            return connection.execute(TAKE, {"queue": QUEUE}).fetchone()

    def _do(self, task: str, arguments: dict[str, Any]) -> None:
        try:
            self._tasks[task](arguments)
        except Exception:
            with self._counting:
                self._failed += 1
            raise

    def _looker(self, chore: Chore) -> Callable[[dict[str, Any]], None]:
        return lambda _arguments: self._wake_all(chore.look())

    def _sweep(self) -> Iterable[Wake]:
        """Drop what killed workers had begun: nobody will end it, and chores find its rows."""
        with self._connector.pool.connection() as connection:
            connection.execute(SWEEP, {"seconds": STALLED_SECONDS})
        return []

    async def _serve(self, stop: Event) -> None:
        """Keep a worker running until told to stop, also through a restart of the database."""
        loop = asyncio.get_running_loop()
        # The default has a few threads more than the machine has cores.
        loop.set_default_executor(ThreadPoolExecutor(self._threads))
        told = asyncio.Event()
        Thread(target=_pass_on, args=(stop, loop, told), daemon=True).start()
        stopped = asyncio.create_task(told.wait())
        while not told.is_set():
            try:
                await self._work(stopped)
            except Exception as error:  # noqa: BLE001 - whatever it was, a new one is the cure
                log.warning("worker_lost", extra={"error": type(error).__name__})
                await asyncio.wait({stopped}, timeout=PAUSE_SECONDS)

    async def _work(self, stopped: asyncio.Task[Any]) -> None:
        async with self._app().open_async() as app:
            worker = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=self._threads,
                    fetch_job_polling_interval=POLL_SECONDS,
                    delete_jobs="always",
                    stalled_worker_timeout=STALLED_SECONDS,
                    install_signal_handlers=False,
                )
            )
            await asyncio.wait({worker, stopped}, return_when=asyncio.FIRST_COMPLETED)
            worker.cancel()  # which lets it finish what is begun
            with suppress(asyncio.CancelledError):
                await worker

    def _app(self) -> App:
        app = App(
            connector=PsycopgConnector(conninfo=self._url),
            periodic_defaults={"max_delay": MISSED_SECONDS},
        )
        for name in self._jobs:
            app.task(name=name, queue=QUEUE)(self._safe(name))
        for chore in self._chores:
            name = CHORE + chore.name
            task = app.task(name=name, queue=QUEUE, queueing_lock=name, priority=1)
            app.periodic(cron=cron(chore.seconds))(task(self._safe(name)))
        return app

    def _safe(self, task: str) -> Callable[..., None]:
        def safe(**arguments: Any) -> None:
            try:
                self._do(task, arguments)
            except Exception as error:  # noqa: BLE001 - the library would log its words
                log_failure(task.removeprefix(CHORE), error)

        return safe


def cron(seconds: int) -> str:
    """Return a period as a cron expression; it must part a minute, an hour or a day evenly."""
    if 0 < seconds < 60 and 60 % seconds == 0:
        return f"* * * * * */{seconds}"
    minutes, rest = divmod(seconds, 60)
    if rest == 0 and 0 < minutes < 60 and 60 % minutes == 0:
        return f"*/{minutes} * * * *"
    hours, rest = divmod(seconds, 3600)
    if rest == 0 and 0 < hours < 24 and 24 % hours == 0:
        return f"0 */{hours} * * *"
    if seconds == 86_400:
        return "0 0 * * *"
    raise ValueError(f"no cron expression for every {seconds} s")


def _with_key(run: Callable[[str], None]) -> Callable[[dict[str, Any]], None]:
    return lambda arguments: run(arguments["key"])


def _pass_on(stop: Event, loop: asyncio.AbstractEventLoop, told: asyncio.Event) -> None:
    stop.wait()
    loop.call_soon_threadsafe(told.set)
