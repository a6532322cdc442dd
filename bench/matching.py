"""Lists of many members: what they take on disk, and how long it takes to find everybody who is here.

`--scale 10` is what the goals speak of: 33,000 members, 47 million links. The other way is in `rows`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench import crowd, sites, world
from bench.figures import Figure, milliseconds, seconds
from bench.memory import peak_mb
from bench.rows import Rows
from bench.world import KINDS, World
from openportability.accounts import line_store
from openportability.domain import Account, Kind, UserId
from openportability.graph.codec import Keys
from openportability.matching import sweep
from openportability.matching.holders import who_lists
from openportability.site import Site

#: Somebody who brings two lists of that length is ordinary.
_ORDINARY = 700
_TIMES = 40
#: Matches of one person, for the page.
_CROWD = 100_000
GOALS = {
    "disk": 7,
    "forward-ordinary": 2,
    "forward-100k": 50,
    "rematch-all": 4,
    "page-100k": 30,
    "memory": 700,
}
ADD_GOALS = {"sqlite": 1, "postgresql": 2}


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures."""
    made = world.made(scale)
    with sites.postgresql() as host, TemporaryDirectory(prefix="openportability-bench-") as name:
        rows = _as_rows(host, made)
        for database in ("sqlite", "postgresql"):
            url = sites.new_database(host, "ours") if database == "postgresql" else None
            folder = Path(name) / database
            with sites.opened(folder, url) as site:
                for case, metric, ours in _ours(site, made):
                    goal = ADD_GOALS[database] if case == "add-ordinary" else GOALS.get(case)
                    yield _figure(case, database, metric, ours, rows.get(case), goal)
            peak = _peak_mb(folder, url)
            yield _figure("memory", database, "peak_mb", peak, None, GOALS["memory"])


def _figure(
    case: str,
    database: str,
    metric: str,
    ours: float,
    baseline: float | None,
    goal: float | None,
) -> Figure:
    return Figure(
        bench="match",
        case=case,
        database=database,
        metric=metric,
        ours=round(ours, 3),
        baseline=None if baseline is None else round(baseline, 3),
        goal=goal,
    )


def _as_rows(host: str, made: World) -> dict[str, float]:
    """Return what the other way takes."""
    sites.new_database(host, "other")
    with sites.connected(host, "other") as connection:
        rows = Rows(connection)
        rows.members(made.members)
        started = time.perf_counter()
        rows.load(made.lists())
        loaded = time.perf_counter() - started
        count = made.members.size
        rows.add([(count, Kind.FOLLOWING, made.some(np.random.default_rng(5), world.MANY))])
        return {
            "import": loaded,
            "disk": rows.size() / sum(keys.size for _, _, keys in made.lists()),
            "add-ordinary": milliseconds(
                partial(rows.add, [(count + 1 + n, kind, keys) for kind, keys in both.items()])
                for n, both in enumerate(_newcomers(made))
            ),
            "forward-ordinary": milliseconds(
                partial(rows.here, count + 1 + n) for n in range(_TIMES)
            ),
            "forward-100k": milliseconds(partial(rows.here, count) for _ in range(5)),
            "rematch-all": seconds(rows.all_here),
        }


def _ours(site: Site, made: World) -> Iterator[tuple[str, str, float]]:
    """Yield what it takes here: case, metric, figure."""
    members = world.settle(site, made)
    before = _stored_bytes(site)
    started = time.perf_counter()
    links = world.bring(site, made, members)
    yield "import", "seconds", time.perf_counter() - started
    yield "disk", "bytes_per_link", (_stored_bytes(site) - before) / links
    more = [world.join(site, 10 + number) for number in range(_TIMES + 1)]
    yield (
        "add-ordinary",
        "ms",
        milliseconds(
            partial(_add, site, account, both)
            for account, both in zip(more, _newcomers(made), strict=False)
        ),
    )
    many = made.some(np.random.default_rng(5), world.MANY)
    _add(site, more[-1], {Kind.FOLLOWING: many})
    yield "forward-ordinary", "ms", milliseconds(_asked(site, one.user) for one in more[:-1])
    yield "forward-100k", "ms", milliseconds(_asked(site, more[-1].user) for _ in range(5))
    everyone = [account.user for account in members]
    yield "rematch-all", "seconds", seconds(lambda: [_asked(site, user)() for user in everyone])
    crowd.meet(site, members[0].user, _CROWD)
    for case, ask in crowd.asked(site, members[0].user).items():
        yield case, "ms", milliseconds([ask] * 5)
    yield "meet-ordinary", "ms", milliseconds(_met(site, one.user) for one in more[:-1])
    yield "meet-100k", "ms", milliseconds([_met(site, more[-1].user)])


def _newcomers(made: World) -> list[dict[Kind, Keys]]:
    luck = np.random.default_rng(3)
    return [{kind: made.some(luck, _ORDINARY) for kind in KINDS} for _ in range(_TIMES)]


def _add(site: Site, account: Account, brought: dict[Kind, Keys]) -> None:
    with site.db.write() as tx:
        world.put(tx, site, account, brought)


def _asked(site: Site, user: UserId) -> Callable[[], None]:
    def ask() -> None:
        with site.db.read() as tx:
            sweep.concerned(tx, site, user)

    return ask


def _met(site: Site, user: UserId) -> Callable[[], None]:
    return lambda: sweep.match_lists(site, user)


def _stored_bytes(site: Site) -> int:
    question = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        "postgresql": "SELECT pg_total_relation_size('follow_lists')",
    }[site.db.dialect.name]
    with site.db.read() as tx:
        return int(tx.connection.exec_driver_sql(question).scalar_one())


# --- memory -----------------------------------------------------------------------------------


def _peak_mb(folder: Path, url: str | None) -> float:
    """Return the most that a process holds which does nothing but match everybody."""
    command = [sys.executable, "-m", "bench.matching", str(folder), *([url] if url else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _match_everybody(folder: Path, url: str | None) -> None:
    with sites.opened(folder, url) as site:
        with site.db.read() as tx:
            people = line_store.listed_since(tx, 0)
        for user in {line.user for line in people}:
            _asked(site, user)()
        who_lists(site, people[-1000:])
    print(peak_mb())


if __name__ == "__main__":
    _match_everybody(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
