"""Statements that change many rows, each in its own way; put together once for each kind of them."""

from __future__ import annotations

from functools import cache

from sqlalchemy import ARRAY, Table, Update, bindparam, func, update
from sqlalchemy.dialects import sqlite

Names = tuple[str, ...]


@cache
def one_by_one(table: Table, key: Names, change: Names) -> str:
    """Return the change of one row as SQLite's driver takes it, with values by the names of their columns."""
    quoted = sqlite.dialect().identifier_preparer.quote
    new, these = ([f"{quoted(name)} = :{name}" for name in names] for names in (change, key))
    return f"UPDATE {quoted(table.name)} SET {', '.join(new)} WHERE {' AND '.join(these)}"  # noqa: S608 - all names are those of the schema


@cache
def all_at_once(table: Table, key: Names, change: Names) -> Update:
    """Return the change of all rows for PostgreSQL, with all values of a column as `all_` and its name."""
    names = (*key, *change)
    columns = (bindparam(f"all_{name}", type_=ARRAY(table.c[name].type)) for name in names)
    new = func.unnest(*columns).table_valued(*names, name="new").render_derived()
    these = (table.c[name] == new.c[name] for name in key)
    return update(table).where(*these).values({name: new.c[name] for name in change})
