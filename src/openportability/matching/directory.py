"""Who is here, in memory: the lines of all accounts as columns, brought up to date by sequence at each use.

A directory never changes; a newer one takes its place. Each process holds one. It is at least as new as the transaction
that asks, and holds nobody who had gone by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from openportability.accounts import line_store
from openportability.accounts.people import Edition
from openportability.db.engine import Tx
from openportability.domain import Found, NetworkName, Proof
from openportability.graph.codec import Keys
from openportability.matching.silence import silent
from openportability.vault import Vault

Numbers = NDArray[np.uint64]
Places = NDArray[np.intp]

FOUND = list(Found)
NOBODY = FOUND.index(Found.NOBODY)
_FOUND = {found.value: number for number, found in enumerate(FOUND)}
#: So much of a name says where it stands in the order of names; the rest would be memory for little.
_NAME_BYTES = 7
#: What stands for the place of an account that is not here.
_NOWHERE = -1
#: Between the two places that `searchsorted` gives for these lie all that are equal.
SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True, kw_only=True)
class Lines:
    """Some lines of the directory, a column each, oldest account first."""

    account: Numbers
    user: Numbers
    network: NDArray[np.uint8]
    key: Keys
    proved: NDArray[np.bool_]
    #: By whom it is found, as numbers of `FOUND`: what its user chose, but `NOBODY` of a silent claim.
    found: NDArray[np.uint8]
    seq: Numbers
    #: The beginning of the name, or handle, as a number in the order of the alphabet.
    name: Numbers

    def kept(self, which: NDArray[Any]) -> Lines:
        """Return some of these lines, by place or by mask."""
        return Lines(**{column.name: getattr(self, column.name)[which] for column in fields(self)})

    def with_(self, others: Sequence[Lines]) -> Lines:
        """Return these lines and others."""
        every = [self, *others]
        return Lines(
            **{
                column.name: np.concatenate([getattr(one, column.name) for one in every])
                for column in fields(self)
            }
        ).in_order()

    def in_order(self) -> Lines:
        """Return the lines sorted by account."""
        return self.kept(np.argsort(self.account, kind="stable"))


class Directory:
    """All lines, as they were in one edition."""

    def __init__(self, edition: Edition, lines: Lines, networks: Sequence[NetworkName]) -> None:
        self.edition = edition
        self.lines = lines
        #: By number in `lines.network`; only grows.
        self.networks = networks

    def holding(self, network: NetworkName, keys: Keys) -> Places:
        """Return where the accounts are whose keys are among these sorted ones."""
        if network not in self._by_key:
            return np.empty(0, np.intp)
        here, places = self._by_key[network]
        few, many = (keys, here) if keys.size < here.size else (here, keys)
        at = np.searchsorted(many, few)
        at[at == many.size] = 0
        found = np.flatnonzero(many[at] == few) if many.size else np.empty(0, np.intp)
        if few is here:
            return places[found]
        # Two accounts may share a key: an actor's number, and a hash that happens to be the same.
        first = at[found]
        last = np.searchsorted(here, keys[found], side="right")
        return places[ranges(first, last)]

    def find(self, accounts: Numbers) -> tuple[NDArray[np.bool_], Places]:
        """Say of each account whether it is here, and where those are that are."""
        # Whatever number is asked for: the last one of the table is nobody's.
        at = self._place_of[np.minimum(accounts, self._place_of.size - 1)]
        here = at != _NOWHERE
        return here, at[here]

    def with_their_others(self, places: Places) -> Places:
        """Return where all accounts of the owners of these are: by user, then oldest first."""
        by_user, starts, person = self._people
        meant = np.zeros(starts.size, np.bool_)
        meant[person[places]] = True
        which = np.flatnonzero(meant)
        last = np.append(starts, by_user.size)[1:][which]
        return by_user[ranges(starts[which], last)]

    @cached_property
    def _place_of(self) -> Places:
        """Where each account stands, by its number: numbers are given in turn, so few stand for nobody."""
        newest = int(self.lines.account.max(initial=0))
        places = np.full(newest + 2, _NOWHERE)
        places[self.lines.account] = np.arange(self.lines.account.size)
        return places

    @cached_property
    def _people(self) -> tuple[Places, Places, Places]:
        """The lines by user; where each user begins there; and, of each line, the how manieth that is."""
        by_user = np.argsort(self.lines.user, kind="stable")
        begins = np.diff(self.lines.user[by_user], prepend=np.uint64(0)) != 0
        person = np.empty(by_user.size, np.intp)
        person[by_user] = np.cumsum(begins) - 1
        return by_user, np.flatnonzero(begins), person

    @cached_property
    def _by_key(self) -> dict[NetworkName, tuple[Keys, Places]]:
        found = {}
        for number, network in enumerate(self.networks):
            places = np.flatnonzero(self.lines.network == number)
            places = places[np.argsort(self.lines.key[places], kind="stable")]
            found[network] = self.lines.key[places], places
        return found


class Directories:
    """The newest directory of this process."""

    def __init__(self) -> None:
        self._newest = Directory(Edition(seq=0, gone=0), _read([], []), [])
        self._lock = Lock()

    def as_of(self, tx: Tx, vault: Vault) -> Directory:
        """Return a directory that is at least as new as what a transaction sees."""
        wanted = line_store.edition(tx)
        if _covers(self._newest.edition, wanted):
            return self._newest
        if tx.writes:
            # It may see what is rolled back: that is for itself alone.
            return _grown(self._newest, tx, vault, wanted)
        with self._lock:
            if not _covers(self._newest.edition, wanted):
                self._newest = _grown(self._newest, tx, vault, wanted)
            return self._newest


def _covers(has: Edition, wanted: Edition) -> bool:
    return has.seq >= wanted.seq and has.gone >= wanted.gone


def _grown(old: Directory, tx: Tx, vault: Vault, edition: Edition) -> Directory:
    networks = list(old.networks)
    new = [_read(portion, networks) for portion in line_store.lines_since(tx, old.edition.seq)]
    for some in new:
        some.found[silent(tx, vault, some.account, some.proved)] = NOBODY
    lines = old.lines
    if edition.gone != old.edition.gone:
        linked = np.fromiter(line_store.linked(tx), np.uint64)
        lines = lines.kept(np.isin(lines.account, linked))
    if new:
        users = np.concatenate([some.user for some in new])
        ids = np.concatenate([some.account for some in new])
        stale = np.isin(lines.user, users) | np.isin(lines.account, ids)
        lines = lines.kept(~stale).with_(new)
    return Directory(edition, lines, networks)


def _read(rows: Sequence[Any], networks: list[NetworkName]) -> Lines:
    """Turn rows into columns; add networks that are new."""
    columns = list(zip(*rows, strict=True)) or [()] * 8
    account, user, network, key, proof, found, seq, name = columns
    numbers = {known: number for number, known in enumerate(networks)}
    for one in set(network) - numbers.keys():
        numbers[one] = len(networks)
        networks.append(one)
    signed = np.array(key, np.int64).view(np.uint64)
    return Lines(
        account=np.array(account, np.uint64),
        user=np.array(user, np.uint64),
        network=np.array([numbers[one] for one in network], np.uint8),
        key=signed ^ np.uint64(1 << 63),
        proved=np.array([one == Proof.PROVED for one in proof], np.bool_),
        found=np.array([_FOUND[one] for one in found], np.uint8),
        seq=np.array(seq, np.uint64),
        name=np.array([_beginning(one) for one in name], np.uint64),
    )


def _beginning(name: str) -> int:
    start = name.casefold().encode()[:_NAME_BYTES]
    return int.from_bytes(start.ljust(_NAME_BYTES, b"\0"), "big")


def ranges(first: Places, last: Places) -> Places:
    """Return all numbers from each first to before each last."""
    counts = last - first
    # How far each is from where it would stand if all began at 0 and left nothing out.
    shifts = np.cumsum(counts)
    total = int(shifts[-1]) if shifts.size else 0
    np.subtract(last, shifts, out=shifts)
    places: Places = np.arange(total)
    places += np.repeat(shifts, counts)
    return places
