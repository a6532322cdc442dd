"""Everyone a user may see, as columns: counted, narrowed and put in order without making an object for each.

What is shown is decided here, when it is read: by the evidence in the user's match set and by the directory of today.
Objects are made for those alone who are asked for, from the rows that the transaction sees.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openportability.accounts import line_store
from openportability.accounts import store as accounts
from openportability.clock import moment
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Match, NetworkName, Proof, UserId
from openportability.matching import rules
from openportability.matching.directory import Directory, Lines, Numbers, Places
from openportability.matching.rules import Bit
from openportability.matching.sets import COSTS, MAY_SHOW, NO_ROW, Bits, MatchSet, Said

Mask = NDArray[np.bool_]

_EVIDENCE = [rules.evidence(Bit(bits)) for bits in rules.COMBINATIONS]
_RANK = np.array([rules.rank(evidence) for evidence in _EVIDENCE], np.uint64)
_MUTUAL = np.array([evidence.mutual for evidence in _EVIDENCE])
#: What lists say of an account takes so many bits.
_BITS = 8
#: The rank stands before the beginning of the name.
_RANK_SHIFT = np.uint64(56)


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What the matches page is narrowed to."""

    text: str = ""
    network: NetworkName | None = None
    mutual_only: bool = False
    dismissed: bool = False


class Seen:
    """The people, numbered by their ids; columns say of each what the page asks about."""

    def __init__(
        self, directory: Directory, met: MatchSet, user: UserId, brought: Collection[NetworkName]
    ) -> None:
        self._networks = directory.networks
        lines, said, through = _shown(directory, met, user)
        self._lines, self._through = lines, through
        #: Where the accounts of each person begin.
        self._starts = _begins(lines)
        home = np.isin(lines.network, [self._networks.index(one) for one in brought])
        self.users = lines.user[self._starts]
        said_of_all = [said.dismissed, said.arrived, through & lines.proved, through & home]
        bits, (dismissed, arrived, proved, through_home) = self._joined(
            np.where(through, said.bits, 0), said_of_all
        )
        self.dismissed: Mask = dismissed
        #: They came after the user's lists did.
        self.arrived: Mask = arrived
        self.proved: Mask = proved
        self.unlisted: Mask = (bits & Bit.I_FOLLOW == 0) & through_home
        self._bits: Bits = bits
        self._said_since = said.since

    def __len__(self) -> int:
        return self.users.size

    # Asked by who shows people, not by who counts them.
    @cached_property
    def _since(self) -> NDArray[Any]:
        late = np.uint32(0xFFFFFFFF)
        return self._all_of(np.minimum, np.where(self._through, self._said_since, late))

    @cached_property
    def _order(self) -> Numbers:
        return _RANK[self._bits] << _RANK_SHIFT | self._lines.name[self._starts]

    @property
    def by_hand_only(self) -> Mask:
        """Say of everyone what `rules.by_hand_only` says of a match."""
        by_hand: Mask = ~self.proved | self.unlisted
        return by_hand

    def having(self, some: Collection[AccountId]) -> Mask:
        """Say who has one of these accounts."""
        if not some:
            return np.zeros(len(self), np.bool_)
        return self._any(np.isin(self._lines.account, np.fromiter(some, np.uint64)))

    def are(self, users: Collection[UserId]) -> Mask:
        """Say who is one of these."""
        found: Mask = np.isin(self.users, np.fromiter(users, np.uint64))
        return found

    def accounts_of(self, which: Mask) -> Numbers:
        """Return all accounts of some of these people."""
        return self._lines.account[np.repeat(which, self._counts())]

    def count_places(self) -> int:
        """Return in how many places everyone can be found, all of them together."""
        return self.accounts_of(np.ones(len(self), np.bool_)).size

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
        if by.network is not None:
            which = which & self._any(self._on(by.network))
        if text := by.text.strip().lstrip("@").casefold():
            which = which & self._named(tx, text, which)
        return which

    def page(
        self, which: Mask, after: tuple[int, int] | None, limit: int
    ) -> tuple[Places, tuple[int, int] | None]:
        """Return the next people in the order of the page, and where it goes on after them."""
        if after is not None:
            order, user = np.uint64(after[0]), np.uint64(after[1])
            which = which & ((self._order > order) | ((self._order == order) & (self.users > user)))
        left = np.flatnonzero(which)
        if left.size > limit:
            # The first ones are found without putting all in order; equals are taken along.
            bound = np.partition(self._order[left], limit - 1)[limit - 1]
            few = left[self._order[left] <= bound]
        else:
            few = left
        some = few[np.argsort(self._order[few], kind="stable")][:limit]
        if left.size <= limit:
            return some, None
        return some, (int(self._order[some[-1]]), int(self.users[some[-1]]))

    def in_order(self, which: Mask) -> Places:
        """Return people in the order of the page: by rank, then by name, the same each time."""
        return self.page(which, None, len(self))[0]

    def matches(self, tx: Tx, some: Places) -> list[Match]:
        """Make the matches with these people; who has gone meanwhile is left out."""
        theirs: dict[int, list[Account]] = defaultdict(list)
        for account in accounts.accounts_of_all(tx, _ids(self.users[some])):
            theirs[account.user].append(account)
        counts = self._counts()
        every = []
        for at in some.tolist():
            places = slice(self._starts[at], self._starts[at] + counts[at])
            through = set(self._lines.account[places][self._through[places]].tolist())
            here = theirs[int(self.users[at])]
            if sources := tuple(account for account in here if account.id in through):
                every.append(self._match(at, sources, tuple(here)))
        return every

    def _match(self, at: int, sources: tuple[Account, ...], here: tuple[Account, ...]) -> Match:
        return Match(
            user=UserId(int(self.users[at])),
            evidence=_EVIDENCE[self._bits[at]],
            proof=Proof.PROVED if self.proved[at] else Proof.CLAIMED,
            since=moment(int(self._since[at]) * 1_000_000),
            dismissed=bool(self.dismissed[at]),
            arrived=bool(self.arrived[at]),
            unlisted=bool(self.unlisted[at]),
            sources=sources,
            accounts=here,
        )

    def _named(self, tx: Tx, text: str, which: Mask) -> Mask:
        found = set[UserId]()
        for users, *columns in line_store.words_of(tx, _ids(self.users[which])):
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
            return np.zeros(self._lines.user.size, np.bool_)
        on: Mask = self._lines.network == self._networks.index(network)
        return on

    def _counts(self) -> Places:
        return np.diff(self._starts, append=self._lines.user.size)

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


def _shown(directory: Directory, met: MatchSet, user: UserId) -> tuple[Lines, Said, Mask]:
    """Return all accounts of who is shown, what is said of them, and through which they are.

    Of those who are one actor only the proof is shown, else the oldest claim. A claim beside a
    proof that I may not see is shown as if there were none: else its absence would tell of it.
    """
    known, here = directory.find(met.accounts())
    # Written down, for to look each account up in the set again would take as long as the first time.
    row = np.full(directory.lines.user.size, NO_ROW)
    row[here] = np.flatnonzero(known)
    here = here[directory.lines.user[here] != user]
    places = directory.with_their_others(here)
    lines, said = directory.lines.kept(places), met.at(row[places])
    if not here.size:
        return lines, said, np.zeros(0, np.bool_)
    through = MAY_SHOW[said.bits, lines.found] & (said.answered | ~COSTS[said.bits])
    starts = _begins(lines)
    avoided = said.bits & Bit.AVOIDED != 0
    if avoided.any():
        of_people = np.logical_or.reduceat(avoided, starts)
        through &= ~np.repeat(of_people, np.diff(starts, append=lines.user.size))
    through = _foremost(lines, through)
    if through.all():
        return lines, said, through
    people = np.logical_or.reduceat(through, starts)
    if people.all():
        return lines, said, through
    shown = np.repeat(people, np.diff(starts, append=lines.user.size))
    return lines.kept(shown), said.kept(shown), through[shown]


def _foremost(lines: Lines, through: Mask) -> Mask:
    """Leave of the accounts that are one actor the first: the proof, else the oldest claim."""
    claimed = lines.key[through & ~lines.proved]
    if not claimed.size:
        return through
    several = np.flatnonzero(through & np.isin(lines.key, claimed))
    order = (lines.account, ~lines.proved, lines.key, lines.network)
    several = several[np.lexsort([column[several] for column in order])]
    key, network = lines.key[several], lines.network[several]
    first = np.ones(several.size, np.bool_)
    first[1:] = (key[1:] != key[:-1]) | (network[1:] != network[:-1])
    foremost = through.copy()
    foremost[several[~first]] = False
    return foremost


def _begins(lines: Lines) -> Places:
    """Return where each person begins in lines that are in the order of persons."""
    return np.flatnonzero(np.diff(lines.user, prepend=np.uint64(0)))


def _ids(users: Numbers) -> list[UserId]:
    return [UserId(user) for user in users.tolist()]
