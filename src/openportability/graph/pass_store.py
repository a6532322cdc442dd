"""A pass over all lists: many are opened together and come as one row of keys.

To open lists one by one took longer than to look into them. While one portion is unpacked by a thread of its own,
which leaves the interpreter to others, the next one is read and unsealed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Row, select

from openportability.db.engine import Database, Tx
from openportability.db.schema import follow_lists
from openportability.domain import NetworkName
from openportability.graph.codec import Keys, Unreadable, decode, decode_all
from openportability.graph.store import SEALED, log_unreadable, place
from openportability.vault import Unreadable as Sealed
from openportability.vault import Vault

#: What one query of a pass reads: so many lists, and no more once they hold so many links (8 MB).
_BATCH_LISTS = 1_000
_BATCH_LINKS = 1_000_000

#: Kind, owner and bytes of an unsealed list.
_Plain = tuple[str, int, bytes]


@dataclass(frozen=True, kw_only=True)
class Portion:
    """Some lists of one network, one after the other."""

    network: NetworkName
    #: Whose each list is.
    owners: NDArray[np.uint64]
    keys: Keys
    #: Where each list ends in `keys`.
    ends: NDArray[np.intp]

    def __iter__(self) -> Iterator[tuple[int, Keys]]:
        """Yield each list with its owner."""
        yield from zip(self.owners.tolist(), np.split(self.keys, self.ends[:-1]), strict=True)


def each_portion(
    db: Database, vault: Vault, networks: Collection[NetworkName] | None, *, since: int = 0
) -> Iterator[Portion]:
    """Pass over all lists of these networks (None: of all) that came after a sequence number.

    Each is opened with its owner's key. Each batch is read in a transaction of its own: what
    changes while the pass goes on may come in its old form, in its new one, or in both; what
    goes may not come at all. A batch ends when it is large.
    """
    coming: list[Future[Portion]] = []
    with ThreadPoolExecutor(1) as unpacking:
        for rows in _batches(db, networks, since):
            unsealed = _unsealed(vault, rows)
            yield from [one.result() for one in coming]
            coming = [unpacking.submit(_portion, *one) for one in unsealed.items()]
        yield from [one.result() for one in coming]


def _batches(
    db: Database, networks: Collection[NetworkName] | None, after: int
) -> Iterator[Sequence[Row[Any]]]:
    while True:
        with db.read() as tx:
            meant = [follow_lists.c.seq > after]
            if networks is not None:
                meant.append(tx.dialect.among(follow_lists.c.network, list(networks)))
            last, more = _batch(tx, meant)
            if last is None:
                return
            wanted = SEALED.where(*meant, follow_lists.c.seq <= last)
            rows = tx.execute(wanted.order_by(follow_lists.c.seq)).all()
        yield rows
        if not more:
            return
        after = last


def _batch(tx: Tx, meant: Sequence[ColumnElement[bool]]) -> tuple[int | None, bool]:
    """Return the number of the last list of the next batch, and whether others may come behind it."""
    heads = tx.execute(
        select(follow_lists.c.seq, follow_lists.c.n)
        .where(*meant)
        .order_by(follow_lists.c.seq)
        .limit(_BATCH_LISTS)
    ).all()
    links, last = 0, None
    for head in heads:
        links += head.n
        if last is not None and links > _BATCH_LINKS:
            return last, True
        last = head.seq
    return last, len(heads) == _BATCH_LISTS


def _unsealed(vault: Vault, rows: Sequence[Row[Any]]) -> dict[NetworkName, list[_Plain]]:
    found: dict[NetworkName, list[_Plain]] = defaultdict(list)
    before, key = None, None
    for account, kind, owner, network, sealed, wrapped in map(tuple, rows):
        if key is None or owner != before:
            # The lists of a person mostly come one after the other.
            before, key = owner, vault.personal(wrapped, owner)
        try:
            found[network].append((kind, owner, key.open(sealed, place(account, kind))))
        except Sealed as error:
            # One damaged list must not keep everybody else from being found. A key that does not
            # open is another matter: then the keyring is wrong, and all must wait for it.
            log_unreadable(network, kind, error)
    return found


def _portion(network: NetworkName, plain: Sequence[_Plain]) -> Portion:
    try:
        keys, ends = decode_all([packed for _, _, packed in plain])
    except Unreadable:
        plain = [one for one in plain if _readable(network, *one)]
        keys, ends = decode_all([packed for _, _, packed in plain])
    owners = np.array([owner for _, owner, _ in plain], np.uint64)
    return Portion(network=network, owners=owners, keys=keys, ends=ends)


def _readable(network: NetworkName, kind: str, _owner: int, packed: bytes) -> bool:
    try:
        decode(packed)
    except Unreadable as error:
        log_unreadable(network, kind, error)
        return False
    return True
