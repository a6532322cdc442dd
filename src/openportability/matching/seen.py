"""Everyone a user may see, as columns: counted, narrowed and put in order without making an object for each.

What is shown is decided here, when it is read: by the evidence in the user's match set and by the directory of today.
Objects are made for those alone who are asked for, from the rows that the transaction sees.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openportability.accounts import line_store
from openportability.accounts import store as accounts
from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Match, NetworkName, Proof, UserId
from openportability.matching import rules
from openportability.matching.directory import Directory, Numbers, Places
from openportability.matching.rules import Bit
from openportability.matching.said import Bits
from openportability.matching.sets import MatchSet
from openportability.matching.through import Mask, begins, shown

_EVIDENCE = [rules.evidence(Bit(bits)) for bits in rules.COMBINATIONS]
#: As bytes, which are looked up without making 64-bit places of the bits first.
_RANK = bytes(rules.rank(evidence) for evidence in _EVIDENCE).ljust(256, b"\0")
_MUTUAL = np.array([evidence.mutual for evidence in _EVIDENCE])
#: What lists say of an account takes so many bits.
_BITS = 8
#: The rank stands before the beginning of the name.
_RANK_SHIFT = np.uint64(56)
#: The last second at which somebody can be met.
LATEST = 2**32 - 1
_NEVER = np.uint64(LATEST + 1)


class Order(StrEnum):
    """What comes first on a page; between equals the older member does."""

    MUTUALS = "mutuals"  # then what both lists say; last who is picked by hand only; then by name
    NAME = "name"
    NEWEST = "newest"  # whom one met, or who arrived, last


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What the matches page is narrowed to."""

    text: str = ""
    network: NetworkName | None = None
    mutual_only: bool = False
    #: Who proved who they are, or who only says so; None: both.
    proof: Proof | None = None
    #: Who arrived then or later.
    since: datetime | None = None
    dismissed: bool = False


class Seen:
    """The people, numbered by their ids; columns say of each what the page asks about."""

    def __init__(
        self, directory: Directory, met: MatchSet, user: UserId, brought: Collection[NetworkName]
    ) -> None:
        self._networks = directory.networks
        self._lines = directory.lines
        #: Where the lines of those shown are, what is said of them, and through which they are shown.
        self._places, self._said, self._through = shown(directory, met, user)
        through, said, lines = self._through, self._said, self._lines
        #: Where the accounts of each person begin.
        self._starts = begins(lines.user[self._places])
        self._first = self._places[self._starts]
        self.users = lines.user[self._first]
        network = lines.network[self._places]
        home = np.zeros_like(through)
        for one in brought:
            home |= network == self._networks.index(one)
        proved_here = through & lines.proved[self._places]
        said_of_all = [said.dismissed, said.arrived, proved_here, through & home]
        bits, (dismissed, arrived, proved, through_home) = self._joined(
            said.bits * through, said_of_all
        )
        self.dismissed: Mask = dismissed
        #: They came after the user's lists did.
        self.arrived: Mask = arrived
        self.proved: Mask = proved
        self.unlisted: Mask = (bits & Bit.I_FOLLOW == 0) & through_home
        self._bits: Bits = bits

    def __len__(self) -> int:
        return self.users.size

    # Asked by who shows people, not by who counts them.
    @cached_property
    def _order(self) -> Numbers:
        ranks = np.frombuffer(self._bits.tobytes().translate(_RANK), np.uint8)
        ranks = ranks + self.by_hand_only * np.uint8(rules.BY_HAND_LAST)
        order: Numbers = ranks.astype(np.uint64)
        order <<= _RANK_SHIFT
        order |= self._lines.name[self._first]
        return order

    def _ordered(self, by: Order) -> Numbers:
        """Return a number for each: who has the lowest comes first."""
        match by:
            case Order.MUTUALS:
                return self._order
            case Order.NAME:
                return self._lines.name[self._first]
            case Order.NEWEST:
                return _NEVER - self._since

    @cached_property
    def _since(self) -> Numbers:
        """When everyone was met, or arrived, in seconds."""
        since = np.full(self._places.size, _NEVER)
        through = np.flatnonzero(self._through)
        since[through] = self._said.since_seconds(through)
        return self._all_of(np.minimum, since)

    def arrived_since(self, then: datetime) -> Mask:
        """Say who came then or later, and after the user's lists did."""
        if not self.arrived.any():
            return self.arrived
        came: Mask = self.arrived & (self._since >= np.uint64(micros(then) // 1_000_000))
        return came

    @property
    def by_hand_only(self) -> Mask:
        """Say of everyone what `rules.by_hand_only` says of a match."""
        by_hand: Mask = ~self.proved | self.unlisted
        return by_hand

    def having(self, some: Collection[AccountId]) -> Mask:
        """Say who has one of these accounts."""
        if not some:
            return np.zeros(len(self), np.bool_)
        return self._any(np.isin(self._lines.account[self._places], np.fromiter(some, np.uint64)))

    def are(self, users: Collection[UserId]) -> Mask:
        """Say who is one of these."""
        found: Mask = np.isin(self.users, np.fromiter(users, np.uint64))
        return found

    def accounts_of(self, which: Mask) -> Numbers:
        """Return all accounts of some of these people."""
        return self._lines.account[self._places[np.repeat(which, self._counts())]]

    def count_places(self) -> int:
        """Return in how many places everyone can be found, all of them together."""
        return self._places.size

    def narrowed(self, tx: Tx, by: Filter, among: Mask | None = None) -> Mask:
        """Say who passes a filter.

        Words are compared last, and read for those alone who pass the rest: an index of names would
        have to know every writing system's letters, and would say who is here to whoever has a copy.
        """
        which: Mask = self.dismissed == by.dismissed
        if among is not None:
            which = which & among
        if by.mutual_only:
            which = which & _MUTUAL[self._bits]
        if by.proof is not None:
            which = which & (self.proved == (by.proof is Proof.PROVED))
        if by.since is not None:
            which = which & self.arrived_since(by.since)
        if by.network is not None:
            which = which & self._any(self._on(by.network))
        if text := by.text.strip().lstrip("@").casefold():
            which = which & self._named(tx, text, which)
        return which

    def page(
        self,
        which: Mask,
        after: tuple[int, int] | None,
        limit: int,
        by: Order = Order.MUTUALS,
    ) -> tuple[Places, tuple[int, int] | None]:
        """Return the next people in an order, and where it goes on after them."""
        ordered = self._ordered(by)
        if after is not None:
            order, user = np.uint64(after[0]), np.uint64(after[1])
            which = which & ((ordered > order) | ((ordered == order) & (self.users > user)))
        left = np.flatnonzero(which)
        if left.size > limit:
            # The first ones are found without putting all in order; equals are taken along.
            bound = np.partition(ordered[left], limit - 1)[limit - 1]
            few = left[ordered[left] <= bound]
        else:
            few = left
        some = few[np.argsort(ordered[few], kind="stable")][:limit]
        if left.size <= limit:
            return some, None
        return some, (int(ordered[some[-1]]), int(self.users[some[-1]]))

    def in_order(self, which: Mask) -> Places:
        """Return people in the order of the page: by rank, then by name, the same each time."""
        return self.page(which, None, len(self))[0]

    def matches(self, tx: Tx, some: Places) -> list[Match]:
        """Make the matches with these people; who has gone meanwhile is left out."""
        theirs: dict[int, list[Account]] = defaultdict(list)
        for account in accounts.accounts_of_all(tx, _ids(self.users[some])):
            theirs[account.user].append(account)
        ends = np.append(self._starts[1:], self._places.size)
        every = []
        for at in some.tolist():
            theirs_at = np.arange(self._starts[at], ends[at])
            through = theirs_at[self._through[theirs_at]]
            ids, through_ids = self._ids_at(theirs_at), self._ids_at(through)
            here = tuple(one for one in theirs[int(self.users[at])] if one.id in ids)
            if sources := tuple(account for account in here if account.id in through_ids):
                since = int(self._said.since_seconds(through).min())
                every.append(self._match(at, since, sources, here))
        return every

    def _ids_at(self, some: Places) -> set[int]:
        return set(self._lines.account[self._places[some]].tolist())

    def _match(
        self, at: int, since: int, sources: tuple[Account, ...], here: tuple[Account, ...]
    ) -> Match:
        return Match(
            user=UserId(int(self.users[at])),
            evidence=_EVIDENCE[self._bits[at]],
            proof=Proof.PROVED if self.proved[at] else Proof.CLAIMED,
            since=moment(since * 1_000_000),
            dismissed=bool(self.dismissed[at]),
            arrived=bool(self.arrived[at]),
            unlisted=bool(self.unlisted[at]),
            sources=sources,
            accounts=here,
        )

    def _named(self, tx: Tx, text: str, which: Mask) -> Mask:
        found = set[UserId]()
        for users, *columns in line_store.words_of(tx, self.accounts_of(which).tolist()):
            for words in columns:
                # In most portions there is nobody of that name: one look tells.
                if text in "\n".join(words).casefold():
                    found |= {
                        UserId(user)
                        for user, word in zip(users, words, strict=True)
                        if text in word.casefold()
                    }
        return self.are(found)

    def _on(self, network: NetworkName) -> Mask:
        if network not in self._networks:
            return np.zeros(self._places.size, np.bool_)
        on: Mask = self._lines.network[self._places] == self._networks.index(network)
        return on

    def _counts(self) -> Places:
        return np.diff(self._starts, append=self._places.size)

    def _joined(self, bits: Bits, masks: Sequence[Mask]) -> tuple[Bits, list[Mask]]:
        """Join bits and masks of accounts to those of their people, all at once: each join looks at everyone."""
        packed = bits.astype(np.uint16)
        for at, mask in enumerate(masks, start=_BITS):
            packed |= mask.astype(np.uint16) << at
        joined = self._all_of(np.bitwise_or, packed)
        return joined.astype(np.uint8), [
            joined & (1 << at) != 0 for at in range(_BITS, _BITS + len(masks))
        ]

    def _any(self, of_accounts: Mask) -> Mask:
        return self._all_of(np.logical_or, of_accounts).astype(np.bool_)

    def _all_of(self, join: np.ufunc, of_accounts: NDArray[Any]) -> NDArray[Any]:
        """Join what is said of accounts to what is said of their people."""
        if not of_accounts.size:
            return of_accounts
        return join.reduceat(of_accounts, self._starts)


def _ids(users: Numbers) -> list[UserId]:
    return [UserId(user) for user in users.tolist()]
