"""Newcomers against all lists: by a pass over them, by a segment; and from a link to the match.

`--links 47M` is what the goals speak of: 33,000 members. The other way is in `rows`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from os import SEEK_END
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from bench import sites, world
from bench.figures import Figure, Measured, beside, in_ms, in_seconds, once
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
#: How often is looked for a match that others make.
_GLANCE_SECONDS = 0.5
#: What a worker does first when it starts takes no longer.
_FIRST_LOOK_SECONDS = 5.0


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures."""
    with sites.postgresql() as host, TemporaryDirectory(prefix="openportability-bench-") as name:
        made = world.made(scale, Path(name))
        rows = _as_rows(host, made)
        for database in ("sqlite", "postgresql"):
            url = sites.new_database(host, "ours") if database == "postgresql" else None
            with sites.opened(Path(name) / database, url) as site:
                yield from beside("sweep", database, _ours(site, made), GOALS, rows)


def _as_rows(host: str, made: World) -> Mapping[str, float]:
    """Return what the other way takes."""
    sites.new_database(host, "other")
    with sites.connected(host, "other") as connection:
        rows = Rows(connection)
        rows.load(made.lists())
        taken = {
            count: in_ms("", [partial(rows.owners, made.members[:count])] * 5).ours
            for count in BATCHES
        }
    return {f"batch-{count}": ms / 1000 for count, ms in taken.items()} | {
        f"segment-{count}": ms for count, ms in taken.items()
    }


def _ours(site: Site, made: World) -> Iterator[Measured]:
    """Yield what it takes here."""
    members = world.settle(site, made.members.tolist())
    world.bring(site, made, members)
    yield from reverse(site, made)
    with site.db.write() as tx:
        store.move_cursor(tx, sweep.PEOPLE_CURSOR, line_store.newest_seq(tx))
    yield _linked(site, made, members)
    yield from _met_again(site, members[:1000])


def reverse(site: Site, made: World) -> Iterator[Measured]:
    """Yield what it takes to find whose lists hold people, without a segment and with one."""
    with site.db.read() as tx:
        lines = line_store.listed_since(tx, 0, limit=max(BATCHES))
    for count in BATCHES:
        yield in_seconds(f"batch-{count}", partial(who_lists, site, lines[:count]))
    yield once("segment-build", partial(segments.build, site))
    with site.db.read() as tx:
        made_now = segments.name(store.cursor(tx, store.SEGMENT))
    with site.files.open(made_now) as file:
        size = file.seek(0, SEEK_END)
    yield Measured("segment-disk", "bytes_per_link", round(size / made.links, 2))
    for count in BATCHES:
        yield in_ms(f"segment-{count}", [partial(who_lists, site, lines[:count])] * 5)


def _linked(site: Site, made: World, members: Sequence[Account]) -> Measured:
    """Let a member link an account that others followed, while work is done as it comes; measure until it is met."""
    taken = set(made.members.tolist())
    # The best known id that nobody has.
    key = next(one for one in made.ids[: 2 * len(taken)].tolist() if one not in taken)
    linked = members[0].user

    def until_met() -> None:
        with site.db.write() as tx:
            accounts.add_account(tx, linked, bird(key, site), Key(key), Proof.PROVED)
        with site.db.read() as tx:
            lines = [line for line in line_store.listed_of(tx, [linked]) if line.key == key]
        followed = who_lists(site, lines).owners.tolist()
        while not any(_sees(site, UserId(owner), linked) for owner in followed):
            time.sleep(_GLANCE_SECONDS)

    with _working(site):
        # The first look is not waited for, so it must not be the one that finds.
        time.sleep(_FIRST_LOOK_SECONDS)
        return once("link-to-match", until_met)


@contextmanager
def _working(site: Site) -> Iterator[None]:
    """Do all work that waits, as a worker would."""
    stop = Event()
    thread = Thread(target=site.engine.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _met_again(site: Site, members: Sequence[Account]) -> Iterator[Measured]:
    """Yield what it takes when so many people come together, and for each pair of those who know one another."""
    with site.db.write() as tx:
        for account in members:
            accounts.meet_again(tx, account.user)
    with site.db.read() as tx:
        pairs = len(who_lists(site, line_store.listed_of(tx, [one.user for one in members])))
    taken = once("meet-1000", partial(_meet, site))
    yield taken
    each = [round(1000 * spent / pairs, 3) for spent in (taken.ours, taken.cpu or 0)]
    yield Measured("meet-1000-a-pair", "ms", *each)


def _meet(site: Site) -> None:
    while sweep.meet_newcomers(site).met:
        pass


def _sees(site: Site, user: UserId, other: UserId) -> bool:
    with site.db.read() as tx:
        return other in {match.user for match in matching.matches_of(tx, site, user)}
