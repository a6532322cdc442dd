"""A pass over all lists: many are opened together and come as one row of keys.

To open lists one by one took longer than to look into them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, func, select

from openportability.db.engine import Database
from openportability.db.schema import follow_lists
from openportability.domain import NetworkName
from openportability.graph.codec import Keys, Unreadable, decode, decode_all
from openportability.graph.store import SEALED, log_unreadable, place
from openportability.vault import Unreadable as Sealed
from openportability.vault import Vault

#: What one transaction of a pass reads: so many lists, and no more once they hold so many links (2 MB sealed).
_BATCH_LISTS = 300
_BATCH_LINKS = 300_000
#: Rows that come from the database at once.
_ROWS = 100
#: Lists that are unpacked together: for more, memory would be asked of the system anew each time.
_PORTION_LISTS = 100

#: Lists that came one after the other are of one share: mostly those of a person.
_IN_A_ROW = 1_024

_NUMBERED = SEALED.add_columns(follow_lists.c.seq, follow_lists.c.n)
#: Kind, owner and bytes of an unsealed list.
_Plain = tuple[str, int, bytes]


@dataclass(frozen=True, kw_only=True)
class Share:
    """Which of all lists a pass reads that is one of several: together they read all."""

    number: int = 0
    of: int = 1


ALL = Share()


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


def over_all(
    db: Database,
    vault: Vault,
    networks: Collection[NetworkName] | None,
    *,
    since: int = 0,
    share: Share = ALL,
) -> Iterator[Portion]:
    """Yield all lists of some networks (None: of all) that came after a sequence number, or a share of them.

    Each is opened with its owner's key. Each batch is read in a transaction of its own: what changes while the pass
    goes on may come in its old form, in its new one, or in both (in a share: may not come, its new number is another
    one's); what goes may not come at all. A batch ends when it is large.
    """
    while rows := _batch(db, networks, since, share):
        since = rows[-1].seq
        for network, plain in _unsealed(vault, rows).items():
            for start in range(0, len(plain), _PORTION_LISTS):
                yield _portion(network, plain[start : start + _PORTION_LISTS])


def count(db: Database, since: int) -> int:
    """Return how many lists came after a sequence number."""
    with db.read() as tx:
        newer = select(func.count()).select_from(follow_lists).where(follow_lists.c.seq > since)
        return int(tx.execute(newer).scalar_one())


def _batch(
    db: Database, networks: Collection[NetworkName] | None, after: int, share: Share
) -> Sequence[Row[Any]]:
    """Return the next lists: as many as are read at once, one at least while there are any."""
    rows: list[Row[Any]] = []
    links = 0
    with db.read() as tx:
        wanted = _NUMBERED.where(follow_lists.c.seq > after)
        if share != ALL:
            wanted = wanted.where(follow_lists.c.seq // _IN_A_ROW % share.of == share.number)
        if networks is not None:
            wanted = wanted.where(tx.dialect.among(follow_lists.c.network, list(networks)))
        wanted = wanted.order_by(follow_lists.c.seq).limit(_BATCH_LISTS)
        with tx.execute(wanted.execution_options(yield_per=_ROWS)) as found:
            for row in chain.from_iterable(found.partitions()):
                links += row.n
                if rows and links > _BATCH_LINKS:
                    break
                rows.append(row)
    return rows


def _unsealed(vault: Vault, rows: Sequence[Row[Any]]) -> dict[NetworkName, list[_Plain]]:
    found: dict[NetworkName, list[_Plain]] = defaultdict(list)
    before, key = None, None
    for account, kind, owner, network, sealed, wrapped, *_ in map(tuple, rows):
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
