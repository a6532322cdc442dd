"""People as lists meet them: all accounts of some users, a column for each thing that is asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from openportability.accounts.people import Listed
from openportability.domain import NetworkName, Proof
from openportability.graph.codec import Keys
from openportability.matching.directory import FOUND, SIDES, Numbers, Places, ranges

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class People:
    """All accounts of some users, oldest first."""

    accounts: Numbers
    users: Numbers
    keys: Keys
    networks: NDArray[np.str_]
    #: By whom each is found, as numbers of `FOUND`.
    found: NDArray[np.uint8]
    proved: Mask
    #: Which accounts are one actor: several may claim what another has proved.
    actors: Places
    #: Which accounts are one user's: numbers from 0.
    persons: Places

    @classmethod
    def of(cls, lines: Sequence[Listed]) -> People:
        """Turn lines of the directory into columns."""
        lines = sorted(lines, key=lambda line: line.account)
        users = np.array([line.user for line in lines], np.uint64)
        actors: dict[tuple[str, int], int] = {}
        return cls(
            accounts=np.array([line.account for line in lines], np.uint64),
            users=users,
            keys=np.array([line.key for line in lines], np.uint64),
            networks=np.array([line.network for line in lines], np.str_),
            found=np.array([FOUND.index(line.found) for line in lines], np.uint8),
            proved=np.array([line.proof is Proof.PROVED for line in lines], np.bool_),
            actors=np.array(
                [actors.setdefault((line.network, line.key), len(actors)) for line in lines],
                np.intp,
            ),
            persons=np.unique(users, return_inverse=True)[1],
        )

    def kept(self, which: Places | Mask) -> People:
        """Return some of these people: all accounts of each."""
        return People(**{name: getattr(self, name)[which] for name in _COLUMNS})

    def places_of(self, users: Numbers) -> Places:
        """Return where all accounts of some of these people are, oldest first."""
        order, in_order = self._by_user
        first, last = (np.searchsorted(in_order, users, side) for side in SIDES)
        return np.sort(order[ranges(first, last)])

    @cached_property
    def _by_user(self) -> tuple[Places, Numbers]:
        """Where the accounts are in the order of users, and whose each is."""
        order = np.argsort(self.users, kind="stable")
        return order, self.users[order]

    def on(self, network: NetworkName) -> Mask:
        """Say which accounts are on a network."""
        on: Mask = self.networks == network
        return on

    def same_actors(self, which: Mask | Places) -> Mask:
        """Say which accounts are the same actors as some of them."""
        if not self.actors.size:
            return np.zeros(0, np.bool_)
        meant = np.zeros(self.actors.max() + 1, np.bool_)
        meant[self.actors[which]] = True
        same: Mask = meant[self.actors]
        return same

    def foremost(self, accounts: Mask) -> Mask:
        """Say which of these accounts stand for their actors: the proof, else the oldest claim."""
        order = np.flatnonzero(accounts)
        order = order[np.argsort(~self.proved[order], kind="stable")]
        first = np.unique(self.actors[order], return_index=True)[1]
        answer = np.zeros_like(accounts)
        answer[order[first]] = True
        return answer

    def any_of(self, accounts: Mask) -> Mask:
        """Say of each account whether its user has one of these."""
        counts = np.bincount(self.persons, weights=accounts)
        answer: Mask = counts[self.persons] > 0
        return answer


#: Asked for once: people are cut several times for each set.
_COLUMNS = tuple(column.name for column in fields(People))
