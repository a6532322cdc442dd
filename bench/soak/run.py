"""Run a soak: settle people, let workers work, kill one of them every few seconds, compare."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median

from sqlalchemy import text

from bench.cluster import postgresql
from bench.figures import Figure
from bench.soak import truth
from bench.soak.processes import ORIGIN, PEOPLE, RATE, FastClock, Worker, serving
from bench.soak.town import ROLES, Town, settle
from bench.soak.truth import Findings
from openportability import app
from openportability.reconnection.rules import State
from openportability.settings import Settings

#: The windows of the networks are so many times shorter than in life; those of the gentle pace are not.
_SPEED = 50
_FAULTS = 5
#: Two hundred follows at the gentle pace are promised within some three hours: a quarter of an hour here.
_FULL_RATE = 12
#: What is fifty follows an hour for each is as many for the machine in every minute of it, not all in the first.
_COMING = timedelta(hours=1)
_SECONDS_BETWEEN_KILLS = (4.0, 8.0)
#: Of two networks one has less than half of a world's people: of so many worlds' people all find a place.
_WORLDS = 3
#: Of two hundred pairs one blocks the other; nobody here is deleted. More than that is said wrongly.
_NOT_POSSIBLE_PCT = 2


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done, on which engine, and for how long at most."""

    people: int
    targets: int
    workers: int = 1
    #: Time runs so many times as fast. Forecasts can only hold where the machine keeps up with it.
    rate: int = 30
    #: They start evenly within this time, as that clock counts it: the crowd of one second is another bench.
    within: timedelta = timedelta(0)
    seconds: float = 3_600


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures of both databases."""
    people, targets, rate = (200, 60, 30) if scale < 1 else (int(2_000 * scale), 200, _FULL_RATE)
    with tempfile.TemporaryDirectory(prefix="openportability-soak-") as name:
        folder = Path(name)
        size = Size(people=people, targets=targets, rate=rate, within=_COMING)
        yield from _figures("sqlite", folder, None, size)
    with tempfile.TemporaryDirectory(prefix="openportability-soak-") as name, postgresql() as url:
        yield from _figures("postgresql", Path(name), url, replace(size, workers=4))


def soak(folder: Path, database_url: str | None, size: Size) -> tuple[Findings, float]:
    """Run one soak; return what is wrong, and the seconds it took."""
    environ = _environ(folder, database_url, size)
    log = folder / "workers.log"
    with ExitStack() as stack:
        url = stack.enter_context(serving("world", environ, log))
        environ |= {f"OPENPORTABILITY_{name.upper()}_WORLD_URL": url for name in ROLES}
        clock = FastClock(environ)
        site = app.build(Settings.read(environ), clock, web=False, worker=False)
        pages = stack.enter_context(serving("pages", environ, log))
        try:
            town = settle(
                site,
                url,
                pages,
                _SPEED,
                people=size.people,
                targets=size.targets,
                within=size.within,
            )
            began = time.monotonic()
            found = _work(town, environ, log, size)
            taken = time.monotonic() - began
            end = truth.at_the_end(town)
        finally:
            site.engine.close()
            site.db.close()
    end.untrue += found.untrue
    end.words += found.words
    end.dropped = found.dropped
    return end, taken


def _work(town: Town, environ: Mapping[str, str], log: Path, size: Size) -> Findings:
    luck, found, shared = Random(size.people), Findings(), size.workers > 1
    workers = [Worker(environ, log) for _ in range(size.workers)]
    for worker in workers:
        worker.wait_until_it_works()
    give_up = time.monotonic() + size.seconds
    try:
        while (left := town.let_start() + truth.left(town)) and time.monotonic() < give_up:
            time.sleep(luck.uniform(*_SECONDS_BETWEEN_KILLS))
            killed = luck.choice(workers)
            killed.kill_and_start()
            killed.wait_until_it_works()
            truth.meanwhile(town, luck.sample(town.members, min(5, len(town.members))), found)
            _sign_in_again(town)
            if shared and not found.dropped and left < size.people * size.targets // 2:
                found.dropped = _empty_the_queue(town)
    finally:
        for worker in workers:
            worker.kill()
    return found


def _sign_in_again(town: Town) -> None:
    """Do what people do whose lane asks for it: a refresh that was killed half-way ends a grant."""
    for me in truth.signed_out(town):
        town.sign_in(me)


def _empty_the_queue(town: Town) -> int:
    """Lose every queued job; return how many that were."""
    with town.site.db.sqlalchemy_engine.begin() as connection:
        connection.execute(text("LOCK TABLE procrastinate_jobs"))
        jobs: int = connection.execute(text("SELECT count(*) FROM procrastinate_jobs")).scalar_one()
        connection.execute(text("TRUNCATE procrastinate_jobs CASCADE"))
    return jobs


def _figures(database: str, folder: Path, database_url: str | None, size: Size) -> Iterator[Figure]:
    found, taken = soak(folder, database_url, size)
    wrong = {
        "lost": found.lost,
        "double": found.double,
        "untrue": found.untrue,
        "over_limit": found.over_limit,
    }
    case = f"{size.people}x{size.targets}"
    for metric, ours in wrong.items():
        yield Figure(bench="soak", case=case, database=database, metric=metric, ours=ours, goal=0)
    yield Figure(bench="soak", case=case, database=database, metric="seconds", ours=round(taken))
    no = found.states[State.REFUSED] + found.states[State.GONE]
    yield Figure(
        bench="soak",
        case=case,
        database=database,
        metric="not_possible_pct",
        ours=round(100 * no / max(found.states.total(), 1), 1),
        goal=_NOT_POSSIBLE_PCT,
    )
    if size.workers > 1:
        yield Figure(
            bench="soak",
            case=case,
            database=database,
            metric="jobs_dropped",
            ours=found.dropped,
            goal=1,
            more_is_better=True,
        )
    if found.late:
        off = round(100 * median(map(abs, found.late)), 1)
        yield Figure(
            bench="soak", case=case, database=database, metric="forecast_off", ours=off, goal=15
        )
        beyond = round(100 * sum(abs(late) > 0.15 for late in found.late) / len(found.late), 1)
        yield Figure(
            bench="soak", case=case, database=database, metric="beyond_15_pct", ours=beyond
        )
    for words in found.words:
        print(words)


def _environ(folder: Path, database_url: str | None, size: Size) -> dict[str, str]:
    given: dict[str, object] = {
        "BASE_URL": "http://127.0.0.1:8000",
        "DATA_DIR": folder,
        "ALLOW_LOOPBACK": "yes",
        "NETWORKS": ",".join(f"{name}:fake" for name in ROLES),
        "WORKER_THREADS": 16,
        **({"DATABASE_URL": database_url} if database_url else {}),
    }
    for name, role in ROLES.items():
        given |= {f"{name}_ROLE".upper(): role, f"{name}_SPEED".upper(): _SPEED}
        given |= {f"{name}_FAULTS".upper(): _FAULTS}
    return {
        **{f"OPENPORTABILITY_{name}": str(value) for name, value in given.items()},
        ORIGIN: str(time.time()),
        RATE: str(size.rate),
        PEOPLE: str(_WORLDS * size.people),
    }
