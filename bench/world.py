"""People and their lists, like real ones: few have many followers, most have few; ids are old counts or new times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from bench.sites import BIRD, bird
from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Account, Found, Key, Kind, Proof
from openportability.graph import store as lists
from openportability.graph.codec import Keys
from openportability.site import Site

#: At scale 1, a tenth of what the goals speak of: 47 million links of 33,000 members.
MEMBERS = 3_300
#: Somebody has that many followings.
MANY = 100_000
#: Ids that lists speak of, for each member.
_IDS_PER_MEMBER = 510
#: Links of one list: half have fewer, one in a hundred has fifteen times as many.
_MEDIAN, _SPREAD = 357, 1.17
_LONGEST = 250_000
#: Ids were counted up to here; since then they hold the time in milliseconds.
_COUNTED, _YEARS_MS = 4_000_000_000, 14 * 365 * 86_400_000
_SOMETIMES = 500
KINDS = (Kind.FOLLOWING, Kind.FOLLOWERS)


@dataclass(frozen=True, kw_only=True)
class World:
    """Who is a member, and whom their lists hold, made again from the same luck each time."""

    #: All ids, best known first.
    ids: Keys
    #: The members' ids.
    members: Keys

    def lists(self) -> Iterator[tuple[int, Kind, Keys]]:
        """Yield each list: the number of its owner among the members, and the keys."""
        luck = np.random.default_rng(2)
        for member in range(self.members.size):
            for kind in KINDS:
                wanted = luck.lognormal(np.log(_MEDIAN), _SPREAD)
                yield member, kind, self.some(luck, int(min(wanted, _LONGEST)))

    def some(self, luck: np.random.Generator, count: int) -> Keys:
        """Return so many ids (a few less: some are drawn twice), sorted, the known ones more often."""
        return np.unique(self.ids[_drawn(luck, self.ids.size, count)])


def made(scale: float) -> World:
    """Make a world."""
    luck = np.random.default_rng(1)
    count = int(MEMBERS * scale)
    size = max(count * _IDS_PER_MEMBER, 2 * MANY)
    old = luck.integers(1, _COUNTED, int(size * 0.35), np.uint64)
    young = size - old.size
    new = (
        luck.integers(10**10, 10**10 + _YEARS_MS, young).astype(np.uint64) << np.uint64(22)
        | luck.integers(320, 380, young).astype(np.uint64) << np.uint64(12)
        | luck.geometric(0.3, young).astype(np.uint64) % np.uint64(4096)
    )
    ids = np.unique(np.concatenate([old, new]))
    luck.shuffle(ids)
    places = np.unique(_drawn(luck, ids.size, count * 2))
    return World(ids=ids, members=ids[luck.choice(places, count, replace=False)])


def _drawn(luck: np.random.Generator, size: int, count: int) -> NDArray[np.int64]:
    return (luck.random(count) ** 2 * size).astype(np.int64)


def settle(site: Site, world: World) -> list[Account]:
    """Let all members join, found by anyone."""
    with site.db.write() as tx:
        return [_join(tx, site, key) for key in world.members.tolist()]


def join(site: Site, key: int) -> Account:
    """Let one more join."""
    with site.db.write() as tx:
        return _join(tx, site, key)


def _join(tx: Tx, site: Site, key: int) -> Account:
    user = accounts.create_user(tx, site.vault, "en", site.clock.now())
    accounts.choose(tx, user, found=Found.ANYONE)
    return accounts.add_account(tx, user, bird(key, site), Key(key), Proof.PROVED)


def bring(site: Site, world: World, members: list[Account]) -> int:
    """Let all bring their lists; return how many links that are."""
    links = 0
    every = world.lists()
    while True:
        some = list(islice(every, _SOMETIMES))
        if not some:
            return links
        with site.db.write() as tx:
            for number, kind, keys in some:
                put(tx, site, members[number], {kind: keys})
                links += keys.size


def put(tx: Tx, site: Site, account: Account, brought: Mapping[Kind, Keys]) -> None:
    """Store somebody's lists."""
    key = accounts.personal_key(tx, site.vault, account.user)
    some = [
        (lists.ListOf(user=account.user, network=BIRD, kind=kind, account=account.id), keys)
        for kind, keys in brought.items()
    ]
    lists.put_lists(tx, key, some, taken_at=None, imported_at=site.clock.now())
