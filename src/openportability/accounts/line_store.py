"""The directory, out: who is here, where, and by whom they may be found. All that finding people needs to know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Row, Select, func, select

from openportability.accounts import rows
from openportability.accounts.people import Edition, Listed
from openportability.accounts.store import GONE, SEQ
from openportability.db.dialect import Dialect
from openportability.db.engine import Tx
from openportability.db.schema import accounts, counters, users
from openportability.domain import AccountId, UserId

_LINES = select(
    accounts.c.id,
    accounts.c.user_id,
    accounts.c.network,
    accounts.c.key,
    accounts.c.proof,
    users.c.found,
    accounts.c.seq,
).join(users, users.c.id == accounts.c.user_id)
#: Put together once: it is asked at each use of the directory.
_EDITION = select(counters).where(counters.c.name.in_([SEQ, GONE]))
#: Lines read at once; and names: of more rows together Python spends as long on looking which are still in use.
_PORTION, _NAMES = 50_000, 1_000


def edition(tx: Tx) -> Edition:
    """Return of which state the directory is."""
    numbers = {row.name: row.n for row in tx.execute(_EDITION)}
    return Edition(seq=numbers.get(SEQ, 0), gone=numbers.get(GONE, 0))


def lines_since(tx: Tx, seq: int) -> Iterator[Sequence[Row[Any]]]:
    """Yield in portions all lines of users of whom one is newer than a sequence number.

    As rows, for there may be millions: account, user, network, key, proof, found, seq, name.
    """
    newer = select(accounts.c.user_id).where(accounts.c.seq > seq)
    wanted = _LINES.add_columns(func.coalesce(func.nullif(accounts.c.name, ""), accounts.c.handle))
    if seq:
        wanted = wanted.where(accounts.c.user_id.in_(newer))
    yield from tx.execute(wanted.execution_options(yield_per=_PORTION)).partitions()


def linked(tx: Tx) -> Iterator[int]:
    """Return the ids of all accounts."""
    return iter(tx.execute(select(accounts.c.id)).scalars())


def words_of(
    tx: Tx, account_ids: Sequence[int]
) -> Iterator[tuple[Sequence[int], Sequence[str], Sequence[str]]]:
    """Yield in portions users, handles and names of these accounts, a column each."""
    wanted = select(accounts.c.user_id, accounts.c.handle, accounts.c.name).where(
        tx.dialect.among(accounts.c.id, account_ids)
    )
    for some in tx.execute(wanted.execution_options(yield_per=_NAMES)).partitions():
        users, handles, names = zip(*some, strict=True)
        yield users, handles, names


def listed_since(tx: Tx, seq: int, *, limit: int | None = None) -> list[Listed]:
    """Return accounts new or changed after a sequence number, in its order.

    Whole sequence numbers only: accounts that share the last one all come, even beyond `limit`.
    """
    wanted = _LINES.where(accounts.c.seq > seq).order_by(accounts.c.seq, accounts.c.id)
    if limit is not None:
        last = tx.execute(
            select(accounts.c.seq)
            .where(accounts.c.seq > seq)
            .order_by(accounts.c.seq)
            .limit(1)
            .offset(limit - 1)
        ).scalar()
        wanted = wanted if last is None else wanted.where(accounts.c.seq <= last)
    return [rows.listed(row) for row in tx.execute(wanted)]


def listed_of(tx: Tx, user_ids: Sequence[UserId]) -> list[Listed]:
    """Return all lines of these users, oldest account first."""
    found = tx.execute(_lines(tx.dialect, accounts.c.user_id), {"ids": user_ids}).all()
    return [rows.listed(row) for row in found]


def listed_by_id(tx: Tx, account_ids: Sequence[AccountId]) -> list[Listed]:
    """Return the lines of those of these accounts that are still linked, oldest first."""
    found = tx.execute(_lines(tx.dialect, accounts.c.id), {"ids": account_ids}).all()
    return [rows.listed(row) for row in found]


@cache
def _lines(dialect: Dialect, column: Column[Any]) -> Select[Any]:
    return _LINES.where(dialect.among_given(column, "ids")).order_by(accounts.c.id)


def newest_seq(tx: Tx) -> int:
    """Return the highest sequence number given to an account, 0 when there is none."""
    newest: int | None = tx.execute(select(func.max(accounts.c.seq))).scalar()
    return newest or 0
