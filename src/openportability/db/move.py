"""Move everything from one database to another, whichever of the two kinds each is.

All or nothing: the new database is filled in one transaction, read back, compared with the old one, and only then
committed. The old one is left as it was; on SQLite it is held meanwhile, so that nothing is written behind our back.
What is sealed is copied as it is: the keyring stays the same. Waiting wakes are not copied: chores find the work in
the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Table, insert, select

from openportability.db import migrate
from openportability.db.engine import Database, Tx
from openportability.db.schema import METADATA
from openportability.errors import Misconfigured

#: Rows that are in memory at once; a sealed list may have a megabyte.
_BATCH = 500

_Batch = Sequence[Row[Any]]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What is in a table: how many rows, and a sum over them in which no order counts."""

    rows: int
    digest: str


def move(old: Database, new: Database) -> Mapping[str, Contents]:
    """Copy all tables and how far their ids have come; return what each table then holds.

    Raise `Misconfigured`, with nothing changed, where the old database is of another revision than
    this program's, the new one holds anything, or the copy is not the same as what was copied.
    """
    if (found := migrate.current(old)) != migrate.newest():
        raise Misconfigured(
            f"The database to move is at revision {found or 'none'}, this program's is "
            f"{migrate.newest()}: run openportability migrate first, with the newest program."
        )
    migrate.upgrade(new)
    with old.write() as source, new.write() as target:
        _refuse_unless_empty(target)
        copied = {table.name: _copy(source, target, table) for table in METADATA.sorted_tables}
        for table in METADATA.sorted_tables:
            if table.name in copied and contents(target, table) != copied[table.name]:
                raise Misconfigured(
                    f"The table {table.name} is not the same after copying, so nothing was kept. "
                    "Please report this, and go on with the old database."
                )
    return copied


def contents(tx: Tx, table: Table) -> Contents:
    """Read a whole table."""
    count, total = 0, 0
    for batch in _batches(tx, table):
        count, total = count + len(batch), total + _sum(batch)
    return _contents(count, total)


def _copy(source: Tx, target: Tx, table: Table) -> Contents:
    count, total = 0, 0
    for batch in _batches(source, table):
        target.execute(insert(table), [dict(row._mapping) for row in batch])  # noqa: SLF001 - its public name
        count, total = count + len(batch), total + _sum(batch)
    if table.dialect_kwargs.get("sqlite_autoincrement"):
        target.dialect.set_last_id(target, table, source.dialect.last_id(source, table))
    return _contents(count, total)


def _batches(tx: Tx, table: Table) -> Iterator[_Batch]:
    """Read by key, so that no row comes twice; names are in the order of the schema."""
    rows = tx.execute(
        select(*table.columns)
        .order_by(*table.primary_key.columns)
        .execution_options(yield_per=_BATCH)
    )
    return iter(rows.partitions())


def _sum(rows: _Batch) -> int:
    # Added up, because the two databases sort text differently.
    return sum(int.from_bytes(hashlib.sha256(repr(tuple(row)).encode()).digest()) for row in rows)


def _contents(count: int, total: int) -> Contents:
    return Contents(rows=count, digest=f"{total % 2**256:064x}")


def _refuse_unless_empty(tx: Tx) -> None:
    for table in METADATA.sorted_tables:
        if tx.execute(select(1).select_from(table).limit(1)).first() is not None:
            raise Misconfigured(
                f"The new database is not empty: there are rows in {table.name}. "
                "Nothing was changed. Name a database that is new."
            )
