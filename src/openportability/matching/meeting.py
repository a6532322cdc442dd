"""Owners of lists meet others: what the lists say is written into the sets of both.

Many pairs share a short transaction, and each set in it is opened and sealed once. It holds the match sets of all of
them, and only then reads today's lists and accounts, so what was replaced or unlinked meanwhile never speaks. Whoever
was told something is in the owner's set, and so is found again when the lists change. Done twice, or killed half-way
and done again, it ends the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from openportability.accounts import line_store
from openportability.clock import micros
from openportability.db.engine import Tx
from openportability.domain import Kind, Proof, UserId
from openportability.graph import store as lists
from openportability.graph.codec import Keys, sorted_set
from openportability.graph.probe import held
from openportability.matching import store
from openportability.matching.answers import Answers
from openportability.matching.directory import NOBODY, SIDES, Numbers, Places
from openportability.matching.holders import Pairs
from openportability.matching.people import People
from openportability.matching.rules import FROM_MINE, FROM_THEIRS, MINE, told
from openportability.matching.said import Bits
from openportability.matching.silence import silent
from openportability.site import Site

#: People of whom one transaction takes so many on average, with all whom they meet: others wait tenths of a second.
_SETS = 250
#: And so many pairs.
_PAIRS = 4_000
#: What each kind of list says to whom it holds: through an account that is proved, and one that is claimed.
_TOLD = {kind: (told(kind, Proof.PROVED), told(kind, Proof.CLAIMED)) for kind in Kind}


def meet(site: Site, meetings: Pairs, *, owner_came: bool) -> None:
    """Let owners of lists meet others.

    `owner_came`: it is the owner who has something new, so it is they who arrive at the others.
    """
    for some in _portions(meetings):
        now = site.clock.now()
        with site.db.write() as tx:
            meant = sorted_set(np.concatenate([some.owners, some.others])).tolist()
            opened = store.lock_sets(tx, site.vault, [UserId(user) for user in meant], now)
            here = np.fromiter(opened, np.uint64)
            pairs = some.kept(np.isin(some.owners, here) & np.isin(some.others, here))
            people = People.of(line_store.listed_of(tx, list(opened)))
            people.found[silent(tx, site.vault, people.accounts, people.proved)] = NOBODY
            _Meeting(tx, site, opened, people, pairs).write(owner_came=owner_came)
            store.put_sets(tx, opened)


def said_of(now: Iterable[tuple[lists.ListOf, Keys]], people: People) -> Bits:
    """Return what lists say of these accounts to who brought them."""
    bits = np.zeros(people.accounts.size, np.uint8)
    for of, keys in now:
        bits[held(keys, people.keys) & people.on(of.network)] |= np.uint8(MINE[of.kind])
    return bits


class _Told:
    """What lists say to whom about the accounts that they belong to."""

    def __init__(self, said: Sequence[tuple[Numbers, Numbers, Bits]]) -> None:
        """Take users, accounts and bits, a column each, list by list."""
        nothing = (np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.uint8))
        columns = zip(nothing, *said, strict=True)
        users, about, bits = (np.concatenate(column) for column in columns)
        order = np.argsort(users, kind="stable")
        self._users, self._about, self._bits = users[order], about[order], bits[order]

    def bits(self, user: UserId, people: People) -> Bits:
        """Return what a user is told of these accounts."""
        first, last = (np.searchsorted(self._users, np.uint64(user), side) for side in SIDES)
        about, told_bits = self._about[first:last], self._bits[first:last]
        at = np.searchsorted(people.accounts, about)
        at[at == people.accounts.size] = 0
        # An account that was linked after the people were read is met by the next sweep.
        here = people.accounts[at] == about
        bits = np.zeros(people.accounts.size, np.uint8)
        np.bitwise_or.at(bits, at[here], told_bits[here])
        return bits


class _Meeting:
    """Some pairs whose sets are held."""

    def __init__(
        self,
        tx: Tx,
        site: Site,
        opened: Mapping[UserId, store.Opened],
        people: People,
        pairs: Pairs,
    ) -> None:
        self._tx, self._site, self._opened, self._people = tx, site, opened, people
        self._theirs = _places(people, pairs.owners, pairs.others)
        self._owners = _places(people, pairs.others, pairs.owners)

    def write(self, *, owner_came: bool) -> None:
        """Write what the owners' lists of today say, on both sides, and give the answers that follow."""
        now = micros(self._site.clock.now()) // 1_000_000
        of_them, to_them = self._read()
        for owner, places in self._theirs.items():
            self._opened[owner].rows.say(
                self._people.kept(places),
                of_them[owner],
                instead_of=FROM_MINE,
                by_them=not owner_came,
                now_seconds=now,
            )
        for other, places in self._owners.items():
            owners = self._people.kept(places)
            self._opened[other].rows.say(
                owners,
                to_them.bits(other, owners),
                instead_of=FROM_THEIRS,
                by_them=owner_came,
                now_seconds=now,
            )
        answers = Answers(self._tx, self._site, self._opened, self._people)
        nobody = np.empty(0, np.intp)
        for user in sorted(self._theirs.keys() | self._owners.keys()):
            both = (self._theirs.get(user, nobody), self._owners.get(user, nobody))
            answers.give(user, self._people.kept(sorted_set(np.concatenate(both))))
        answers.note(self._tx)

    def _read(self) -> tuple[dict[UserId, Bits], _Told]:
        """Return what the lists say of the others to their owners, and to the others of the owners."""
        of_them = {owner: np.zeros(at.size, np.uint8) for owner, at in self._theirs.items()}
        said = []
        for of, keys in lists.open_all(self._tx, self._site.vault, list(self._theirs)):
            places = self._theirs[of.user]
            hit = held(keys, self._people.keys[places]) & self._people.on(of.network)[places]
            of_them[of.user][hit] |= np.uint8(MINE[of.kind])
            them = self._people.kept(places[hit])
            bits = np.where(them.proved, *_TOLD[of.kind]).astype(np.uint8)
            said.append((them.users, np.full(bits.size, of.account, np.uint64), bits))
        return of_them, _Told(said)


def _places(people: People, these: Numbers, those: Numbers) -> dict[UserId, Places]:
    """Return of each of these where all accounts of those are who stand beside them."""
    order = np.argsort(these, kind="stable")
    each, first = np.unique(these[order], return_index=True)
    beside = np.split(those[order], first[1:])
    users = zip(each.tolist(), beside, strict=False)
    return {UserId(user): people.places_of(them) for user, them in users}


def _portions(meetings: Pairs) -> Iterator[Pairs]:
    """Deal out the people of the side with more on it by chance: those on the other are in most portions anyway.

    Each portion is shown as it is committed. Cut by count, how many are shown at first would tell how many stand
    between them who are here and hide. So each person comes into a portion by a throw of their own, and how many
    portions there are is thrown as well: one person more or less only shifts the odds, by some thousandths.
    """
    sides = (meetings.owners, meetings.others)
    side = max(sides, key=lambda one: sorted_set(one).size)
    people, person = np.unique(side, return_inverse=True)
    chance = np.random.default_rng()
    portions = 1 + chance.poisson(max(people.size / _SETS, len(meetings) / _PAIRS))
    portion = chance.integers(portions, size=people.size)[person]
    for one in sorted_set(portion):
        yield meetings.kept(portion == one)
