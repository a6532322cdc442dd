"""People and their lists, like real ones: few have many followers, most have few; ids are old counts or new times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert

from bench.sites import BIRD, bird
from openportability.accounts import rows
from openportability.accounts import store as accounts
from openportability.clock import micros
from openportability.db import schema
from openportability.db.engine import Tx
from openportability.domain import (
    Account,
    AccountId,
    Found,
    Key,
    Kind,
    Pace,
    Proof,
    Standing,
    UserId,
)
from openportability.graph import store as lists
from openportability.graph.codec import Keys, sorted_set
from openportability.site import Site
from openportability.vault import PersonalKey

#: At scale 1, a tenth of what the goals speak of: 47 million links of 33,000 members.
MEMBERS = 3_300
LINKS = 4_700_000
#: Somebody has that many followings.
MANY = 100_000
#: Ids that lists speak of, for each member.
_IDS_PER_MEMBER = 510
#: Links of one list: half have fewer, one in a hundred has fifteen times as many.
_MEDIAN, _SPREAD = 362, 1.17
_LONGEST = 250_000
#: Ids were counted up to here; since then they hold the time in milliseconds.
_COUNTED, _YEARS_MS = 4_000_000_000, 14 * 365 * 86_400_000
#: Members who join, or bring their lists, in one transaction.
_TOGETHER = 1_000
KINDS = (Kind.FOLLOWING, Kind.FOLLOWERS)


@dataclass(frozen=True, kw_only=True)
class World:
    """Who is a member, and whom their lists hold: from the same luck each time."""

    #: All ids, best known first.
    ids: Keys
    #: The members' ids.
    members: Keys
    #: The keys of all lists, one list after the other; in a file, for there may be more than memory holds.
    keys: Keys
    #: Where each list ends.
    ends: NDArray[np.intp]

    @property
    def links(self) -> int:
        return self.keys.size

    def lists(self) -> Iterator[tuple[int, Kind, Keys]]:
        """Yield each list: the number of its owner among the members, and the keys."""
        start = 0
        for number, end in enumerate(self.ends.tolist()):
            yield number // len(KINDS), KINDS[number % len(KINDS)], self.keys[start:end]
            start = end

    def some(self, luck: np.random.Generator, count: int) -> Keys:
        """Return so many ids (a few less: some are drawn twice), sorted, the known ones more often."""
        return _some(luck, self.ids, count)


def made(scale: float, folder: Path) -> World:
    """Make a world; its lists are drawn once, into a file in this folder."""
    luck = np.random.default_rng(1)
    count = int(MEMBERS * scale)
    ids = _ids(luck, max(count * _IDS_PER_MEMBER, 2 * MANY))
    places = np.unique(_drawn(luck, ids.size, count * 2))
    members = ids[luck.choice(places, count, replace=False)]
    path = folder / "lists"
    ends = _draw_lists(path, ids, count)
    keys = np.asarray(np.memmap(path, np.uint64, "r"))
    return World(ids=ids, members=members, keys=keys, ends=ends)


def _ids(luck: np.random.Generator, size: int) -> Keys:
    old = luck.integers(1, _COUNTED, int(size * 0.35), np.uint64)
    young = size - old.size
    new = (
        luck.integers(10**10, 10**10 + _YEARS_MS, young).astype(np.uint64) << np.uint64(22)
        | luck.integers(320, 380, young).astype(np.uint64) << np.uint64(12)
        | luck.geometric(0.3, young).astype(np.uint64) % np.uint64(4096)
    )
    ids = sorted_set(np.concatenate([old, new]))
    luck.shuffle(ids)
    return ids


def _draw_lists(path: Path, ids: Keys, members: int) -> NDArray[np.intp]:
    """Write all lists, one after the other; return where each ends."""
    luck = np.random.default_rng(2)
    wanted = luck.lognormal(np.log(_MEDIAN), _SPREAD, members * len(KINDS))
    sizes = []
    with path.open("wb") as file:
        for count in np.minimum(wanted, _LONGEST).astype(int).tolist():
            keys = _some(luck, ids, count)
            keys.tofile(file)
            sizes.append(keys.size)
    return np.cumsum(np.array(sizes, np.intp))


def _some(luck: np.random.Generator, ids: Keys, count: int) -> Keys:
    return sorted_set(ids[_drawn(luck, ids.size, count)])


def _drawn(luck: np.random.Generator, size: int, count: int) -> NDArray[np.int64]:
    return (luck.random(count) ** 2 * size).astype(np.int64)


def settle(site: Site, keys: Sequence[int]) -> list[Account]:
    """Let all who have these keys join, found by anyone."""
    joined = []
    for start in range(0, len(keys), _TOGETHER):
        with site.db.write() as tx:
            joined += _join(tx, site, keys[start : start + _TOGETHER])
    return joined


def join(site: Site, key: int) -> Account:
    """Let one more join."""
    return settle(site, [key])[0]


def _join(tx: Tx, site: Site, keys: Sequence[int]) -> list[Account]:
    """Do at once what signing in does for each."""
    now = micros(site.clock.now())
    person = {
        "locale": "en",
        "found": Found.ANYONE,
        "standing": Standing.OFF,
        "pace": Pace.NORMAL,
        "seen_at": now,
        "created_at": now,
    }
    added = insert(schema.users).returning(schema.users.c.id)
    made = [UserId(user) for user in tx.execute(added, [person] * len(keys)).scalars()]
    wrapped = [{"user_id": user, "wrapped": site.vault.new_personal_key(user)} for user in made]
    tx.execute(insert(schema.user_keys), wrapped)
    actors = [bird(key, site) for key in keys]
    first = tx.dialect.next_seq(tx, accounts.SEQ, len(keys)) - len(keys) + 1
    linked = [
        {
            "user_id": user,
            "network": BIRD,
            "actor_id": actor.id,
            "key": rows.stored(Key(key)),
            "proof": Proof.PROVED,
            "seq": first + number,
            **rows.seen(actor),
        }
        for number, (user, key, actor) in enumerate(zip(made, keys, actors, strict=True))
    ]
    added = insert(schema.accounts).returning(schema.accounts.c.id, sort_by_parameter_order=True)
    return [
        Account(id=AccountId(made_id), user=user, actor=actor, key=Key(key), proof=Proof.PROVED)
        for made_id, user, key, actor in zip(
            tx.execute(added, linked).scalars(), made, keys, actors, strict=True
        )
    ]


def bring(site: Site, world: World, members: Sequence[Account]) -> None:
    """Let all bring their lists."""
    every = world.lists()
    for start in range(0, len(members), _TOGETHER):
        some = members[start : start + _TOGETHER]
        with site.db.write() as tx:
            keys = accounts.personal_keys(tx, site.vault, [account.user for account in some])
            for account in some:
                brought = {kind: links for _, kind, links in (next(every) for _ in KINDS)}
                _put(tx, site, keys[account.user], account, brought)


def put(tx: Tx, site: Site, account: Account, brought: Mapping[Kind, Keys]) -> None:
    """Store somebody's lists."""
    _put(tx, site, accounts.personal_key(tx, site.vault, account.user), account, brought)


def _put(
    tx: Tx, site: Site, key: PersonalKey, account: Account, brought: Mapping[Kind, Keys]
) -> None:
    some = [
        (lists.ListOf(user=account.user, network=BIRD, kind=kind, account=account.id), keys)
        for kind, keys in brought.items()
    ]
    lists.put_lists(tx, key, some, taken_at=None, imported_at=site.clock.now())
