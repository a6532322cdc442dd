"""A match set: what lists say about one person and each account they met, as rows sorted by account.

A row stands for an account that lists speak of, and for each further account of somebody who is offered to me: so a
place that they add later is seen to be new.

Rows of people who are not shown to their owner lie apart from the others. What is shown is made of the others alone, so
neither its size nor the time it takes depends on people who hide, or who wait for an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from openportability.domain import AccountId
from openportability.matching.directory import Numbers
from openportability.matching.people import People
from openportability.matching.rules import Bit
from openportability.matching.said import (
    ANSWERED,
    ARRIVED,
    COSTS,
    DISMISSED,
    MAY_AVOID,
    MAY_SHOW,
    NO_ROW,
    OFFERED,
    OWED,
    ROW,
    UNSEEN,
    WAITS,
    Bits,
    RowNumbers,
    Said,
)

Counts = NDArray[np.int64]

_NEVER = np.uint32(2**32 - 1)
_VERSION = b"\x01"
_AVOIDED = np.uint8(Bit.AVOIDED)
_LISTED = np.uint8(Bit.I_FOLLOW | Bit.THEY_LIST_ME | Bit.BLOCKED)


@dataclass(frozen=True, kw_only=True)
class Met:
    """One row: an account somebody met through lists."""

    account: AccountId
    bits: Bit
    #: When they were met, or arrived.
    since_seconds: int
    dismissed: bool
    arrived: bool
    answered: bool


class MatchSet:
    """The rows of one person, to be opened, changed and sealed again inside one transaction."""

    def __init__(self, rows: NDArray[np.void] | None = None) -> None:
        self._rows = np.empty(0, ROW) if rows is None else rows

    @classmethod
    def unpacked(cls, *parts: bytes) -> MatchSet:
        """Read what `packed` returned: both parts, or the seen one alone for looking."""
        for part in parts:
            if part[:1] != _VERSION:
                raise ValueError(f"match set of an unknown version {part[:1]!r}")
        some = [np.frombuffer(part, ROW, offset=1) for part in parts if len(part) > 1]
        if len(some) < 2:
            # In order, as it was packed; most people have nobody who lies apart.
            return cls(*some)
        rows = np.concatenate(some)
        return cls(rows[np.argsort(rows["account"], kind="stable")])

    def packed(self) -> tuple[bytes, bytes]:
        """Return the rows as bytes, 14 a row: those of people who are shown, and the others."""
        unseen = self._rows["marks"] & UNSEEN != 0
        return (
            _VERSION + self._rows[~unseen].tobytes(),
            _VERSION + self._rows[unseen].tobytes(),
        )

    def __len__(self) -> int:
        return self._rows.size

    def __iter__(self) -> Iterator[Met]:
        for account, since, bits, marks in self._rows.tolist():
            yield Met(
                account=AccountId(account),
                bits=Bit(bits),
                since_seconds=since,
                dismissed=bool(marks & DISMISSED),
                arrived=bool(marks & ARRIVED),
                answered=bool(marks & ANSWERED),
            )

    def digest(self) -> bytes:
        """Return a hash of all rows: while it is the same, they are."""
        return sha256(self._rows.data).digest()

    def about(self, accounts: Numbers) -> Said:
        """Return what the set says of these accounts."""
        here, at = self._find(accounts)
        places = np.full(accounts.size, NO_ROW)
        places[here] = at
        return self.at(places)

    def at(self, places: RowNumbers) -> Said:
        """Return what the set says in these of its rows; nothing at `NO_ROW`."""
        return Said(self._rows, places)

    def bits_of(self, accounts: Sequence[AccountId]) -> dict[AccountId, Bit]:
        """Return what lists say of each of these accounts."""
        said = self.about(np.array(accounts, ROW["account"])).bits
        return {account: Bit(bits) for account, bits in zip(accounts, said.tolist(), strict=True)}

    @property
    def waits(self) -> bool:
        """True when somebody would be shown, but for the number of answers in a day."""
        return bool((self._rows["marks"] & WAITS).any())

    def accounts(self) -> Numbers:
        """Return the accounts of all rows."""
        accounts: Numbers = self._rows["account"]
        return accounts

    def count_seen(self) -> int:
        """Return how many rows are of people who are shown."""
        return int(np.count_nonzero(self._rows["marks"] & UNSEEN == 0))

    def say(
        self, people: People, bits: Bits, *, instead_of: Bit, by_them: bool, now_seconds: int
    ) -> None:
        """Let `bits` hold for the accounts of some people in place of their bits in `instead_of`.

        Who is offered to me now and was not before has arrived if that is `by_them`: they came,
        they linked an account, they let themselves be found or brought their lists; not I mine.
        """
        rows = self._of(people.accounts)
        rows["bits"] = (rows["bits"] & ~np.uint8(instead_of)) | bits
        offered = _offered(people, rows["bits"])
        newly = offered & (rows["marks"] & OFFERED == 0)
        arrived = offered & np.where(newly, by_them, rows["marks"] & ARRIVED != 0)
        rows["since"] = np.where(newly | (rows["since"] == 0), now_seconds, rows["since"])
        kept = np.where(rows["bits"] & _LISTED, np.uint8(DISMISSED | ANSWERED), DISMISSED)
        rows["marks"] = (rows["marks"] & kept) | offered * OFFERED | arrived * ARRIVED
        self._put(rows)

    def answer(self, people: People, most: Counts, spent: int) -> int:
        """Let more of these people be shown to me, or be blocked or muted by me; return how many actors.

        Each actor is answered once, for all accounts that are it, while fewer than its `most` were
        on this day; it was `spent` before. The others wait. Who is shown goes before who is avoided.
        """
        rows = self._of(people.accounts)
        avoided = people.any_of(rows["bits"] & _AVOIDED != 0)
        shown = MAY_SHOW[rows["bits"], people.found] & ~avoided
        barred = MAY_AVOID[rows["bits"], people.found] & people.proved
        asked = (shown | barred) & COSTS[rows["bits"]] & (rows["marks"] & ANSWERED == 0)
        known = people.same_actors((shown | barred) & ~asked)
        paying = np.flatnonzero(people.foremost(asked & ~known))
        paying = paying[np.lexsort((barred[paying], -most[paying]))]
        newly = paying[spent + np.arange(paying.size) < most[paying]]
        known |= people.same_actors(newly)
        before = rows["marks"].copy()
        rows["marks"] &= ~np.uint8(WAITS | UNSEEN)
        rows["marks"] |= (asked & known) * np.uint8(ANSWERED) | (asked & ~known) * np.uint8(WAITS)
        seen = people.any_of(shown & ~(asked & ~known))
        rows["marks"] |= ~seen * np.uint8(UNSEEN)
        if not np.array_equal(rows["marks"], before):
            self._put(rows)
        return newly.size

    def owe(self, people: People, bits: Bits) -> None:
        """Let only `bits` hold for these accounts; their users are still to be told."""
        rows = self._of(people.accounts)
        rows["marks"] |= np.where(rows["bits"] != bits, np.uint8(OWED), np.uint8(0))
        rows["bits"] = bits
        self._put(rows)

    def drop(self, accounts: Numbers) -> None:
        """Forget accounts that are no longer linked."""
        gone = np.isin(self._rows["account"], accounts)
        self._rows = self._rows[~gone]

    def take(self, other: MatchSet, *, but: Sequence[AccountId]) -> None:
        """Add the rows of another set of the same person, but for these accounts: they are theirs.

        Whoever was put aside in one of the two stays so; who was there before arrived in neither.
        """
        both = np.concatenate([self._rows, other._rows])
        both = both[~np.isin(both["account"], np.array(but, np.uint64))]
        accounts, at = np.unique(both["account"], return_inverse=True)
        rows = np.zeros(accounts.size, ROW)
        rows["account"] = accounts
        rows["since"] = _NEVER
        np.minimum.at(rows["since"], at, np.where(both["since"] == 0, _NEVER, both["since"]))
        np.bitwise_or.at(rows["bits"], at, both["bits"])
        np.bitwise_or.at(rows["marks"], at, both["marks"])
        was_there = (both["marks"] & OFFERED != 0) & (both["marks"] & ARRIVED == 0)
        rows["marks"][at[was_there]] &= ~np.uint8(ARRIVED)
        rows["since"][rows["since"] == _NEVER] = 0
        # Who was hidden from one may be shown to both together; they meet everyone again.
        rows["marks"] &= ~np.uint8(UNSEEN)
        self._rows = rows

    def dismiss(self, accounts: Numbers, *, dismissed: bool) -> None:
        """Put accounts aside, or take them back."""
        meant = np.isin(self._rows["account"], accounts)
        marks = self._rows["marks"] & ~np.uint8(DISMISSED) | np.uint8(dismissed * DISMISSED)
        self._rows = self._rows.copy()
        self._rows["marks"] = np.where(meant, marks, self._rows["marks"])
        self._put(self._rows[meant])

    def _of(self, accounts: Numbers) -> NDArray[np.void]:
        """Return copies of the rows of these accounts, empty ones where there are none."""
        rows = np.zeros(accounts.size, ROW)
        rows["account"] = accounts
        here, at = self._find(accounts)
        rows[here] = self._rows[at]
        return rows

    def _put(self, rows: NDArray[np.void]) -> None:
        """Put rows in place of those of the same accounts; those that say nothing are left out."""
        here, at = self._find(rows["account"])
        says = (rows["bits"] != 0) | (rows["marks"] & ~np.uint8(ARRIVED | UNSEEN) != 0)
        if here.all() and says.all():
            self._rows = self._rows.copy()
            self._rows[at] = rows
            return
        others = np.ones(self._rows.size, np.bool_)
        others[at] = False
        left = np.count_nonzero(others)
        # Filled in by hand: to concatenate rows takes longer than all the rest.
        both = np.empty(left + np.count_nonzero(says), ROW)
        both[:left], both[left:] = self._rows[others], rows[says]
        self._rows = both[np.argsort(both["account"])]

    def _find(self, accounts: Numbers) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        """Say of each account whether it has a row, and where those are that have one."""
        at = np.searchsorted(self._rows["account"], accounts)
        here = at < self._rows.size
        here[here] = self._rows["account"][at[here]] == accounts[here]
        return here, at[here]


def _offered(people: People, bits: Bits) -> NDArray[np.bool_]:
    """Say of each account whether its user is part of *all*: shown, through a proved account."""
    shown = MAY_SHOW[bits, people.found] & people.proved
    avoided = bits & _AVOIDED != 0
    return people.any_of(shown) & ~people.any_of(avoided)
