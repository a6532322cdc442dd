"""Lists of many members: what they take on disk, and how long it takes to find everybody who is here.

`--links 47M` is what the goals speak of: 33,000 members. The other way is in `rows`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench import cost, crowd, sites, world
from bench.figures import Figure, Measured, beside, in_ms, in_seconds, once
from bench.memory import peak_mb
from bench.rows import Rows
from bench.world import KINDS, World
from openportability import app
from openportability.accounts import line_store, service
from openportability.accounts.session_store import SessionKind
from openportability.domain import Account, Kind, UserId
from openportability.graph.codec import Keys
from openportability.matching import sweep
from openportability.matching.holders import who_lists
from openportability.site import Site

#: Somebody who brings two lists of that length is ordinary.
_ORDINARY = 700
_TIMES = 40
#: Who come later: ordinary people, and behind them somebody with long lists.
NEWCOMERS = range(10, 10 + _TIMES + 1)
#: Others who come when PostgreSQL does not wait for the disk.
_LATER = range(10_000, 10_000 + _TIMES)
#: Matches of one person, for the page.
_CROWD = 100_000
GOALS = {
    "disk": 7,
    "forward-ordinary": 2,
    "forward-100k": 50,
    "api-100k": 50,
    "rematch-all": 4,
    "page-100k": 30,
    "memory": 700,
}
ADD_GOALS = {
    "sqlite": {"add-ordinary": 1},
    "postgresql": {"add-ordinary": 2, "add-as-sqlite": 2},
}


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures."""
    with sites.postgresql() as host, TemporaryDirectory(prefix="openportability-bench-") as name:
        made = world.made(scale, Path(name))
        rows = _as_rows(host, made)
        for database in ("sqlite", "postgresql"):
            url = sites.new_database(host, "ours") if database == "postgresql" else None
            goals = GOALS | ADD_GOALS[database]
            folder = Path(name) / database
            with sites.opened(folder, url) as site:
                yield from beside("match", database, _ours(site, made), goals, rows)
            taken = [memory(folder, url), *([_unsynced(folder, url, made)] if url else [])]
            yield from beside("match", database, taken, goals, {})


def _as_rows(host: str, made: World) -> Mapping[str, float]:
    """Return what the other way takes."""
    sites.new_database(host, "other")
    with sites.connected(host, "other") as connection:
        rows = Rows(connection)
        rows.members(made.members)
        loaded = once("import", partial(rows.load, made.lists()))
        disk = rows.size() / made.links
        count = made.members.size
        rows.add([(count, Kind.FOLLOWING, made.some(np.random.default_rng(5), world.MANY))])
        asked = [
            loaded,
            in_ms(
                "add-ordinary",
                (
                    partial(rows.add, [(count + 1 + n, kind, keys) for kind, keys in both.items()])
                    for n, both in enumerate(_newcomers(made))
                ),
            ),
            in_ms("forward-ordinary", (partial(rows.here, count + 1 + n) for n in range(_TIMES))),
            in_ms("forward-100k", [partial(rows.here, count)] * 5),
            in_seconds("rematch-all", rows.all_here),
        ]
    return {"disk": disk} | {one.case: one.ours for one in asked}


def _ours(site: Site, made: World) -> Iterator[Measured]:
    """Yield what it takes here."""
    members = world.settle(site, made.members.tolist())
    yield from filled(site, made, members)
    more = world.settle(site, NEWCOMERS)
    yield from forward(site, made, more)
    crowd.meet(site, members[0].user, _CROWD)
    for case, ask in crowd.asked(site, members[0].user).items():
        yield in_ms(case, [ask] * 5)
    yield in_ms("meet-ordinary", (_met(site, one.user) for one in more[:-1]))
    yield in_ms("meet-100k", [_met(site, more[-1].user)])
    for case, asking in (("api-ordinary", more[0]), ("api-100k", more[-1])):
        yield Measured(case, "cpu-ms", round(_api_ms(site, asking.user), 2))


def filled(site: Site, made: World, members: Sequence[Account]) -> Iterator[Measured]:
    """Let all bring their lists; yield what that takes, and what the lists do."""
    before = _stored_bytes(site)
    yield once("import", partial(world.bring, site, made, members))
    yield Measured("disk", "bytes_per_link", round((_stored_bytes(site) - before) / made.links, 2))


def forward(site: Site, made: World, more: Sequence[Account]) -> Iterator[Measured]:
    """Yield what it takes when these bring lists, the last of them a long one; then, to match all anew."""
    yield _adding("add-ordinary", site, made, more)
    many = made.some(np.random.default_rng(5), world.MANY)
    _add(site, more[-1], {Kind.FOLLOWING: many})
    yield in_ms("forward-ordinary", (_asked(site, one.user) for one in more[:-1]))
    yield in_ms("forward-100k", [_asked(site, more[-1].user)] * 5)
    yield in_seconds("rematch-all", partial(_match_everybody, site))


def _adding(case: str, site: Site, made: World, more: Sequence[Account]) -> Measured:
    return in_ms(
        case,
        (
            partial(_add, site, account, both)
            for account, both in zip(more, _newcomers(made), strict=False)
        ),
    )


def _unsynced(folder: Path, url: str, made: World) -> Measured:
    """Measure what it takes where a commit waits for the disk as little as SQLite's does here: not at all."""
    with sites.opened(folder, f"{url}&options=-csynchronous_commit%3Doff") as site:
        return _adding("add-as-sqlite", site, made, world.settle(site, _LATER))


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


def _match_everybody(site: Site) -> None:
    """Find whom any list holds, of all who are here."""
    with site.db.read() as tx:
        people = line_store.listed_since(tx, 0)
    who_lists(site, people)


def _met(site: Site, user: UserId) -> Callable[[], None]:
    return lambda: sweep.match_lists(site, user)


def _api_ms(site: Site, user: UserId) -> float:
    """Return what the first page of somebody's matches costs the processor, asked as a program would."""
    with site.db.write() as tx:
        token = service.sign_in(tx, site, user, kind=SessionKind.API, name="bench")
    url = f"{site.settings.base_url}/api/v1/matches"
    return cost.milliseconds(app.web(site), url, authorization=f"Bearer {token}")


def _stored_bytes(site: Site) -> int:
    question = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        "postgresql": sites.BYTES_OF,
    }[site.db.dialect.name]
    with site.db.read() as tx:
        return int(tx.connection.exec_driver_sql(question, {"table": "follow_lists"}).scalar_one())


# --- memory -----------------------------------------------------------------------------------


def memory(folder: Path, url: str | None) -> Measured:
    """Return the most that a process holds which does nothing but match everybody."""
    command = [sys.executable, "-m", "bench.matching", str(folder), *([url] if url else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Measured("memory", "peak_mb", float(done.stdout.split()[-1]))


def _match_alone(folder: Path, url: str | None) -> None:
    with sites.opened(folder, url) as site:
        with site.db.read() as tx:
            people = line_store.listed_since(tx, 0)
        for line in people[:1000]:
            _asked(site, line.user)()
        _match_everybody(site)
    print(round(peak_mb(), 1))


if __name__ == "__main__":
    _match_alone(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
