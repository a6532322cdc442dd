"""Newcomers against all lists: by a pass over them, by a segment; and from a link to the match.

`--scale 10` is what the goals speak of: 33,000 members, 47 million links. The other way is in `rows`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import sites, world
from bench.figures import Figure, milliseconds, seconds
from bench.rows import Rows
from bench.sites import bird
from bench.world import World
from openportability.accounts import line_store
from openportability.accounts import store as accounts
from openportability.domain import Account, Key, Proof, UserId
from openportability.matching import segments, store, sweep
from openportability.matching import service as matching
from openportability.matching.holders import who_lists
from openportability.site import Site

BATCHES = (1, 1000)
#: A pass over all lists costs the same for any batch.
GOALS = {
    "batch-1": 2.0,
    "batch-1000": 2.0,
    "segment-1": 50,
    "segment-1000": 50,
    "link-to-match": 60.0,
}
#: The chore looks so often for who came.
_LOOK_SECONDS = 20


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures."""
    made = world.made(scale)
    with sites.postgresql() as host, TemporaryDirectory(prefix="openportability-bench-") as name:
        rows = _as_rows(host, made)
        for database in ("sqlite", "postgresql"):
            url = sites.new_database(host, "ours") if database == "postgresql" else None
            with sites.opened(Path(name) / database, url) as site:
                for case, metric, ours in _ours(site, made):
                    yield Figure(
                        bench="sweep",
                        case=case,
                        database=database,
                        metric=metric,
                        ours=round(ours, 3),
                        baseline=rows.get(case),
                        goal=GOALS.get(case),
                    )


def _as_rows(host: str, made: World) -> dict[str, float]:
    """Return what the other way takes."""
    sites.new_database(host, "other")
    with sites.connected(host, "other") as connection:
        rows = Rows(connection)
        rows.load(made.lists())
        taken = {
            count: milliseconds([partial(rows.owners, made.members[:count])] * 5)
            for count in BATCHES
        }
    return {f"batch-{count}": ms / 1000 for count, ms in taken.items()} | {
        f"segment-{count}": ms for count, ms in taken.items()
    }


def _ours(site: Site, made: World) -> Iterator[tuple[str, str, float]]:
    """Yield what it takes here: case, metric, figure."""
    members = world.settle(site, made)
    world.bring(site, made, members)
    with site.db.read() as tx:
        lines = line_store.listed_since(tx, 0)
    for count in BATCHES:
        yield f"batch-{count}", "seconds", seconds(partial(who_lists, site, lines[:count]))
    started = time.perf_counter()
    segments.build(site)
    yield "segment-build", "seconds", time.perf_counter() - started
    links = sum(keys.size for _, _, keys in made.lists())
    yield "segment-disk", "bytes_per_link", segments.path(site).stat().st_size / links
    for count in BATCHES:
        asked = [partial(who_lists, site, lines[n : n + count]) for n in range(0, 5 * count, count)]
        yield f"segment-{count}", "ms", milliseconds(asked)
    with site.db.write() as tx:
        store.move_cursor(tx, sweep.PEOPLE_CURSOR, lines[-1].seq)
    yield "link-to-match", "seconds", _LOOK_SECONDS + _linked(site, made, members)
    with site.db.write() as tx:
        for account in members[:1000]:
            accounts.meet_again(tx, account.user)
    started = time.perf_counter()
    while sweep.meet_newcomers(site):
        pass
    taken = time.perf_counter() - started
    yield "meet-1000", "seconds", taken
    yield "meet-1000-a-pair", "ms", 1000 * taken / max(len(who_lists(site, lines[:1000])), 1)


def _linked(site: Site, made: World, members: list[Account]) -> float:
    """Let a member link the account of the best known id that nobody has; return how long it takes."""
    taken = set(made.members.tolist())
    key = next(one for one in made.ids.tolist() if one not in taken)
    linked = members[0].user
    with site.db.write() as tx:
        accounts.add_account(tx, linked, bird(key, site), Key(key), Proof.PROVED)
    started = time.perf_counter()
    while sweep.meet_newcomers(site):
        pass
    after = time.perf_counter() - started
    with site.db.read() as tx:
        lines = [line for line in line_store.listed_of(tx, [linked]) if line.key == key]
    followed = who_lists(site, lines).owners.tolist()
    if not any(_sees(site, UserId(owner), linked) for owner in followed):
        raise RuntimeError("nobody sees who linked an account that somebody followed")
    return after


def _sees(site: Site, user: UserId, other: UserId) -> bool:
    with site.db.read() as tx:
        return other in {match.user for match in matching.matches_of(tx, site, user)}
