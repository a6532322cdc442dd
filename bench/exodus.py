"""An exodus day: everybody comes in the same second, signs in twice, brings 1,400 rows, sees who is here, and starts.

The networks are simulated and live in a process of their own. Steady visitors open pages all the while: theirs is
the time that a page takes. Only CPU of our own processes is counted a person; clients, networks and PostgreSQL
share the same cores, so seconds say what a busy machine gives, and CPU what the program needs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from threading import Event

from bench.cluster import postgresql
from bench.comers import Comer, comers
from bench.figures import Figure
from bench.running import Running, running

PEOPLE = 500
#: Followings and followers that one person brings.
ROWS = 1_400
#: Who opens pages all the while, and how long they read one.
VISITORS = 5
_READING_SECONDS = 0.5
_PAGES = ("/", "/matches", "/reconnect", "/archive")
GOAL_PEOPLE_PER_SECOND = 25
GOAL_PAGE_MS = 300
GOAL_MB = 500


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures of both databases."""
    count = max(int(PEOPLE * scale), 2)
    with (
        TemporaryDirectory(prefix="openportability-exodus-") as name,
        running(Path(name), None) as site,
    ):
        yield from _day("sqlite", site, count)
    with (
        TemporaryDirectory(prefix="openportability-exodus-") as name,
        postgresql() as url,
        running(Path(name), url) as site,
    ):
        yield from _day("postgresql", site, count)


def _day(database: str, site: Running, count: int) -> Iterator[Figure]:
    visitors, people = comers(site, VISITORS, count, ROWS)
    for one in visitors:
        one.sign_in()
    before, over = site.cpu_seconds(), Event()
    with ThreadPoolExecutor(count + VISITORS) as threads:
        looking = [threads.submit(_look, one, over) for one in visitors]
        try:
            came = time.perf_counter()
            _all(threads.submit(one.sign_in) for one in people)
            signed_in, began = site.cpu_seconds(), time.perf_counter()
            _all(threads.submit(_bring_and_see, one) for one in people)
            taken, brought = time.perf_counter() - began, site.cpu_seconds()
            _all(threads.submit(one.start) for one in people)
            whole = time.perf_counter() - came
        finally:
            over.set()
        pages = [ms for one in looking for ms in one.result()]
    started = site.cpu_seconds()
    yield _figure(
        database, "import+match", "per_second", count / taken, GOAL_PEOPLE_PER_SECOND, more=True
    )
    yield _figure(database, "journey", "per_second", count / whole)
    yield _figure(database, "pages", "p95_ms", _p95(pages), GOAL_PAGE_MS)
    for step in ("sign_in", "upload", "matches", "start"):
        yield _figure(database, step, "p95_ms", _p95([one.ms[step] for one in people]))
    for step, cpu in (
        ("sign_in", signed_in - before),
        ("import+match", brought - signed_in),
        ("start", started - brought),
    ):
        yield _figure(database, step, "cpu_ms_each", cpu * 1000 / count)
    yield _figure(database, "people", "turned_away", sum(one.turned_away for one in people))
    yield _figure(database, "process", "peak_mb", site.peak_mb(), GOAL_MB)


def _bring_and_see(one: Comer) -> None:
    one.upload()
    one.see_matches()


def _look(one: Comer, over: Event) -> list[float]:
    """Open one page after the other until it is over; return the milliseconds of each."""
    taken = []
    while not over.is_set():
        for page in _PAGES:
            taken.append(one.open(page))
            over.wait(_READING_SECONDS)
    return taken


def _all(steps: Iterator[Future[None]]) -> None:
    for step in list(steps):
        step.result()


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def _figure(
    database: str,
    case: str,
    metric: str,
    ours: float,
    goal: float | None = None,
    *,
    more: bool = False,
) -> Figure:
    return Figure(
        bench="exodus",
        case=case,
        database=database,
        metric=metric,
        ours=round(ours, 1),
        goal=goal,
        more_is_better=more,
    )
