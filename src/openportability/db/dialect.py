"""All that differs between SQLite and PostgreSQL, as verbs; stores use them through `tx.dialect`.

No store names a database. What both databases say alike is not here: write it with SQLAlchemy Core.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    Executable,
    Insert,
    LargeBinary,
    Select,
    String,
    Table,
    TypeDecorator,
    any_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy import column as sql_column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.selectable import GenerativeSelect

from openportability.db import each
from openportability.db.explain import Explain
from openportability.db.schema import counters
from openportability.errors import Misconfigured

#: The key of PostgreSQL's advisory lock: "open" in ASCII. Nobody else in the database may use it.
MIGRATION_LOCK = 0x6F70656E

#: How long a process that starts during a migration waits for its end; on PostgreSQL for ever.
MIGRATION_WAIT_SECONDS = 600

#: All of one type.
Values = Sequence[int] | Sequence[str] | Sequence[bytes]
Meant = ColumnElement[bool]

#: As text, because putting it together from its parts each time took longer than many a statement.
_EACH_GIVEN = text("SELECT value FROM json_each(:given)").columns(sql_column("value"))

_LAST_ID = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
_SEQUENCE = text("SELECT pg_get_serial_sequence(:name, 'id')")
#: Planning a question of many partitions anew takes longer than answering it for fifty rows.
#: And a plan that lives on goes by keys: it may not read whole tables because they were short when it was made.
_KEEP_PLANS = text(
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), "
    + ", ".join(
        f"set_config('enable_{one}', 'off', true)" for one in ("seqscan", "hashjoin", "mergejoin")
    )
)
_SET_SEQUENCE = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last, :called)")

S = TypeVar("S", bound=GenerativeSelect)


class Executes(Protocol):
    """What a verb needs of a transaction."""

    connection: Connection

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]: ...


class Dialect(Protocol):
    """The verbs. Each means the same on both databases."""

    #: As in a URL: `sqlite`, `postgresql`.
    name: str
    #: Another process answers: who asks waits, and leaves the interpreter to others meanwhile.
    answers_elsewhere: bool
    #: How the driver's connection begins a transaction that changes something; one whose statements all see the same
    #: state; and a single statement, which is one by itself.
    changing: Mapping[str, Any]
    reading: Mapping[str, Any]
    single: Mapping[str, Any]

    def __hash__(self) -> int:
        """There is one of each: statements are kept for it (`functools.cache`)."""
        ...

    def among(self, column: ColumnElement[Any], values: Values) -> ColumnElement[bool]:
        """Hold where the column has one of the values; never where there are none.

        They travel as one parameter, so any number will do, one statement serves them all, and the
        column's index is used on both databases. `~among(…)` is its opposite.
        """

    def among_given(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Hold as `among` does, in a statement that is put together once for each database.

        The values (numbers or text) come under this name when it is executed.
        """

    def firsts(
        self, rows: Sequence[Select[Any]], key: Column[Any], beside: Table, meant: Meant
    ) -> Executable:
        """Select what selects with a limit, of all columns of a table with this key, give for each row beside it.


        Rows of `beside` are those that are meant; no two selects may give the same row.
        """

    def upsert(self, table: Table, *, key: Sequence[str], change: Sequence[str]) -> Insert:
        """Insert rows; where the key is there, set the columns of `change` as in the new row.

        The key must be a primary key or unique. With nothing to change this is `insert_missing`.
        """

    def add_up(self, table: Table, *, key: str, number: str) -> ReturningInsert[Any]:
        """Insert a row; where its key is there, add its number to that row's. Returns the sum."""

    def insert_missing(self, table: Table, key: Sequence[str]) -> Insert:
        """Insert rows whose key (empty: whatever must be unique) is not there; `.returning(…)` gives those."""

    def for_update(self, rows: S) -> S:
        """Hold the rows until the transaction ends, and pass over those that another one holds.

        On SQLite the statement stays as it is: the one writer holds everything.
        """

    def next_seq(self, tx: Executes, name: str, count: int = 1) -> int:
        """Return the next number of a sequence, from 1; with a count, the last of so many.

        Whoever asks next waits for this transaction to end, so numbers follow the order of commits:
        a reader that has seen one has seen all before it. Therefore ask late, with nothing left to
        do but the statement that stores the number. A rollback gives the number back.
        """

    def last_id(self, tx: Executes, table: Table) -> int:
        """Return the largest id that the table ever gave out; 0 for none."""

    def set_last_id(self, tx: Executes, table: Table, last: int) -> None:
        """Let a table that was filled from elsewhere give out ids from the next one on."""

    def update_each(
        self, tx: Executes, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Change rows that are known by a key: each is given with it, and all with the same other columns.

        Values go to the driver as they are.
        """

    def keep_plans(self, tx: Executes) -> None:
        """Let statements of this transaction be planned once for all values.

        For small ones that come often and ask by keys, so that their plan is the same whatever is asked for.
        """

    def explain(self, tx: Executes, statement: ClauseElement) -> str:
        """Return the plan of a statement as text."""

    @contextmanager
    def alone(self, engine: Engine) -> Iterator[Connection]:
        """Open the transaction of a migration; others wait for its end.

        Foreign keys may be broken on the way; they hold when it commits.
        """
        ...


class SQLite:
    """SQLite 3.35 or newer (upsert, RETURNING, JSON)."""

    name = "sqlite"
    answers_elsewhere = False
    changing: Mapping[str, Any] = {}
    reading = single = changing

    def among(self, column: ColumnElement[Any], values: Values) -> ColumnElement[bool]:
        # A sub-select, never a join: joined with json_each SQLite may scan the whole table.
        if values and isinstance(values[0], bytes):
            return column.in_(_slices([value for value in values if isinstance(value, bytes)]))
        given = bindparam("given", json.dumps(list(values)), String, unique=True)
        return column.in_(_EACH_GIVEN.bindparams(given))

    def among_given(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        each = func.json_each(bindparam(name, type_=_AsJson())).table_valued("value")
        return column.in_(select(each.c.value))

    def firsts(
        self, rows: Sequence[Select[Any]], key: Column[Any], beside: Table, meant: Meant
    ) -> Executable:
        ids = (one.with_only_columns(one.selected_columns[key.name]) for one in rows)
        chosen = or_(*(key.in_(one.correlate(beside)) for one in ids))
        return select(key.table).select_from(beside.join(key.table, chosen)).where(meant)

    def upsert(self, table: Table, *, key: Sequence[str], change: Sequence[str]) -> Insert:
        return _upsert(sqlite.insert, table, tuple(key), tuple(change))

    def add_up(self, table: Table, *, key: str, number: str) -> ReturningInsert[Any]:
        return _add_up(sqlite.insert, table, key, number)

    def insert_missing(self, table: Table, key: Sequence[str]) -> Insert:
        return _upsert(sqlite.insert, table, tuple(key), ())

    def for_update(self, rows: S) -> S:
        return rows

    def next_seq(self, tx: Executes, name: str, count: int = 1) -> int:
        return _next_seq(tx, sqlite.insert, name, count)

    def last_id(self, tx: Executes, table: Table) -> int:
        found = tx.execute(_LAST_ID, {"name": table.name}).scalar()
        return int(found or 0)

    def set_last_id(self, tx: Executes, table: Table, last: int) -> None:
        tx.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        given = {"name": table.name, "seq": last}
        tx.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), given)

    def update_each(
        self, tx: Executes, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        if rows:
            written = each.one_by_one(table, tuple(key), _others(rows, key))
            tx.connection.exec_driver_sql(written, list(rows))

    def keep_plans(self, tx: Executes) -> None:
        """Do nothing: there are no other plans."""

    def explain(self, tx: Executes, statement: ClauseElement) -> str:
        return "\n".join(tx.execute(Explain(statement)).scalars(3))

    @contextmanager
    def alone(self, engine: Engine) -> Iterator[Connection]:
        with engine.connect().execution_options(openportability_write=True) as connection:
            raw: Any = connection.connection.driver_connection
            # Tables are altered by copying; dropping the old one would touch what refers to it.
            # Inside a transaction this does nothing: https://www.sqlite.org/lang_altertable.html
            raw.execute("PRAGMA foreign_keys=OFF")
            wait = raw.execute("PRAGMA busy_timeout").fetchone()[0]
            raw.execute(f"PRAGMA busy_timeout={MIGRATION_WAIT_SECONDS * 1000}")
            try:
                with connection.begin():
                    yield connection
                    _refuse_broken_keys(connection)
            finally:
                raw.execute(f"PRAGMA busy_timeout={wait}")
                raw.execute("PRAGMA foreign_keys=ON")


class PostgreSQL:
    """PostgreSQL 15 or newer, by psycopg."""

    name = "postgresql"
    answers_elsewhere = True
    # https://www.psycopg.org/psycopg3/docs/api/connections.html#psycopg.Connection.isolation_level
    changing: Mapping[str, Any] = {"autocommit": False, "isolation_level": None, "read_only": None}
    #: 3, REPEATABLE READ: else each statement would see what others have committed in between.
    reading: Mapping[str, Any] = {"autocommit": False, "isolation_level": 3, "read_only": True}
    single: Mapping[str, Any] = {"autocommit": True}

    def among(self, column: ColumnElement[Any], values: Values) -> ColumnElement[bool]:
        return column == any_(bindparam(None, list(values), ARRAY(column.type), unique=True))

    def among_given(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        return column == any_(bindparam(name, type_=ARRAY(column.type)))

    def firsts(
        self, rows: Sequence[Select[Any]], key: Column[Any], beside: Table, meant: Meant
    ) -> Executable:
        # If ids were chosen first, each part of a table would choose them anew.
        each = [beside.join(one.lateral(), true()) for one in rows]
        return union_all(*(select(one.right).select_from(one).where(meant) for one in each))

    def upsert(self, table: Table, *, key: Sequence[str], change: Sequence[str]) -> Insert:
        return _upsert(postgresql.insert, table, tuple(key), tuple(change))

    def add_up(self, table: Table, *, key: str, number: str) -> ReturningInsert[Any]:
        return _add_up(postgresql.insert, table, key, number)

    def insert_missing(self, table: Table, key: Sequence[str]) -> Insert:
        return _upsert(postgresql.insert, table, tuple(key), ())

    def for_update(self, rows: S) -> S:
        return rows.with_for_update(skip_locked=True)

    def next_seq(self, tx: Executes, name: str, count: int = 1) -> int:
        return _next_seq(tx, postgresql.insert, name, count)

    def last_id(self, tx: Executes, table: Table) -> int:
        name = tx.execute(_SEQUENCE, {"name": table.name}).scalar_one()
        # The name comes from the database itself; one that gave out nothing has no last value.
        found = tx.execute(text(f"SELECT last_value, is_called FROM {name}")).one()  # noqa: S608 - see above
        return int(found.last_value) if found.is_called else 0

    def set_last_id(self, tx: Executes, table: Table, last: int) -> None:
        given = {"name": table.name, "last": max(last, 1), "called": last > 0}
        tx.execute(_SET_SEQUENCE, given)

    def update_each(
        self, tx: Executes, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        if rows:
            change = _others(rows, key)
            columns = {f"all_{name}": [row[name] for row in rows] for name in (*key, *change)}
            tx.execute(each.all_at_once(table, tuple(key), change), columns)

    def keep_plans(self, tx: Executes) -> None:
        tx.execute(_KEEP_PLANS)

    def explain(self, tx: Executes, statement: ClauseElement) -> str:
        return "\n".join(tx.execute(Explain(statement)).scalars())

    @contextmanager
    def alone(self, engine: Engine) -> Iterator[Connection]:
        with engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            yield connection


def _others(rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in rows[0] if name not in key)


class _AsJson(TypeDecorator[Values]):
    """Several values as one parameter."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Values | None, dialect: Any) -> str:
        return json.dumps(list(value or ()))


ON_SQLITE, ON_POSTGRESQL = SQLite(), PostgreSQL()


def _slices(values: Sequence[bytes]) -> Any:
    """Select byte strings out of one long one: JSON holds no bytes, and `unhex` came with 3.41."""
    cuts, start = [], 1
    for value in values:
        cuts.append((start, len(value)))
        start += len(value)
    joined = bindparam(None, b"".join(values), LargeBinary, unique=True)
    each = func.json_each(bindparam(None, json.dumps(cuts), String, unique=True))
    cut = each.table_valued("value").c.value
    first, length = (func.json_extract(cut, literal_column(f"'$[{n}]'")) for n in (0, 1))
    return select(func.substr(joined, first, length))


@cache
def _upsert(
    insert_into: Callable[[Table], Any], table: Table, key: Sequence[str], change: Sequence[str]
) -> Insert:
    """Make the statement once: to put it together took longer than to store a row."""
    insert = insert_into(table)
    new = {name: insert.excluded[name] for name in change}
    made: Insert = (
        insert.on_conflict_do_update(index_elements=list(key), set_=new)
        if change
        else insert.on_conflict_do_nothing(index_elements=list(key) or None)
    )
    return made


@cache
def _add_up(
    insert_into: Callable[[Table], Any], table: Table, key: str, number: str
) -> ReturningInsert[Any]:
    insert = insert_into(table)
    added = {number: table.c[number] + insert.excluded[number]}
    upsert = insert.on_conflict_do_update(index_elements=[key], set_=added)
    return cast(ReturningInsert[Any], upsert.returning(table.c[number]))


def _next_seq(tx: Executes, insert_into: Callable[[Table], Any], name: str, count: int) -> int:
    raised = _add_up(insert_into, counters, "name", "n")
    number: int = tx.execute(raised, {"name": name, "n": count}).scalar_one()
    return number


def _refuse_broken_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise Misconfigured(
            f"The migration would leave rows of {broken[0]} that refer to nothing, so nothing was "
            "changed. Please report this, and go on with the version you had."
        )
