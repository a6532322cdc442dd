"""`Database.read()` and `.write()`: the only two ways to a transaction.

Whoever opens one commits it by leaving the block, and rolls it back by an error. No transaction is open while a
network is asked. Effects that must not happen on rollback (wakes, mails) wait in `Tx.after`.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, Executable, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.pool import QueuePool

from openportability.db.dialect import ON_POSTGRESQL, ON_SQLITE, Dialect
from openportability.db.durable import WriteAheadLog
from openportability.db.presence import LockedFile, Presence, SessionLock, has_ended
from openportability.db.trouble import Trouble, trouble
from openportability.errors import without_words

log = logging.getLogger(__name__)


class Tx:
    """One transaction: a connection, the dialect's verbs, and what happens after the commit."""

    def __init__(
        self, connection: Connection, dialect: Dialect, *, writes: bool, single: bool = False
    ) -> None:
        self.connection = connection
        self.dialect = dialect
        #: False where nothing may be changed, nor held.
        self.writes = writes
        #: What nobody else can change until the transaction ends: whoever read it need not ask again.
        self.held: dict[object, Any] = {}
        self._after: list[Callable[[], None]] = []
        #: How many statements may still come; None: any number.
        self._left = 1 if single else None

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        if self._left is not None:
            if not self._left:
                raise RuntimeError("another statement in a transaction of a single one")
            self._left -= 1
        return self.connection.execute(statement, parameters)

    def after(self, effect: Callable[[], None]) -> None:
        """Do this once the transaction is committed; never if it is rolled back."""
        self._after.append(effect)

    def happened(self) -> None:
        """Run the effects. One that fails is logged: chores find again what it should have woken."""
        for effect in self._after:
            try:
                effect()
            except Exception as error:  # noqa: BLE001 - whatever fails, the rows are committed
                log.error("effect_failed", extra=without_words(error))


#: How long a writer waits for others, and how long tidying up does.
_BUSY_MS = 10_000
_SHORTEN_MS = 500
#: A PostgreSQL whose machine is silent is taken for gone after so many seconds, and milliseconds; else pages would
#: wait for minutes; for hours, where it took a question first and the system is left to ask whether it lives.
#: https://www.postgresql.org/docs/current/libpq-connect.html
_PATIENCE = {
    "connect_timeout": "5",
    "tcp_user_timeout": "20000",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
}


#: Among the options of a connection: how its driver is to begin a transaction.
_MANNER = "openportability_manner"


class Database:
    """One schema on SQLite or PostgreSQL; `dialect` holds all that differs."""

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.url = make_url(url)
        self.dialect: Dialect
        #: This process among all that use the database.
        self.presence: Presence
        #: Changes that this process could not write for want of room, and whether the newest is among them.
        self.refused = 0
        self.has_room = True
        #: Held by who writes, where the database takes one writer at a time.
        self._writing: AbstractContextManager[object] = nullcontext()
        #: Where to commit is not yet to have it on the disk.
        self._log: WriteAheadLog | None = None
        if self.url.get_backend_name() == "sqlite":
            # SQLite lets waiting writers sleep and try again: on a busy day some would never get in.
            self._writing = Lock()
            self.dialect = ON_SQLITE
            file = Path(self.url.database or "")
            self.presence = LockedFile(file)
            self._log = WriteAheadLog(file)
            self._engine = create_engine(
                self.url,
                poolclass=QueuePool,
                pool_size=pool_size,
                max_overflow=0,
                hide_parameters=True,
                connect_args={"check_same_thread": False, "timeout": 10},
            )
            _begin_by_ourselves(self._engine)
        else:
            self.dialect = ON_POSTGRESQL
            self.url = self.url.update_query_dict(_PATIENCE | dict(self.url.query))
            self.presence = SessionLock(self.url)
            self._engine = create_engine(
                self.url,
                pool_size=pool_size,
                max_overflow=0,
                hide_parameters=True,
            )
            _notice_the_end(self._engine)
            _begin_as_meant(self._engine, self.dialect)
            _answer_in_bytes(self._engine)
            _plan_each_time(self._engine)

    @contextmanager
    def read(self, *, single: bool = False) -> Iterator[Tx]:
        """Look at one consistent state; nothing is written.

        `single`: by one statement. PostgreSQL is then asked once, and not also to begin and to end.
        """
        manner = self.dialect.single if single else self.dialect.reading
        with self._engine.connect().execution_options(**{_MANNER: manner}) as connection:
            yield Tx(connection, self.dialect, writes=False, single=single)
            if self.dialect.name == "postgresql":
                # Nothing was written. But with a rollback the driver forgets which statements the database knows.
                # https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
                connection.commit()

    @contextmanager
    def write(self, *, single: bool = False) -> Iterator[Tx]:
        """Commit what the block did, or nothing of it, have that on the disk, then do its effects.

        `single`: it is done by one statement, and may be kept even where the block raises after it.
        """
        manner = self.dialect.single if single else self.dialect.changing
        options = {"openportability_write": True, _MANNER: manner}
        try:
            with self._writing, self._engine.connect().execution_options(**options) as connection:
                tx = Tx(connection, self.dialect, writes=True, single=single)
                with connection.begin():
                    yield tx
        except DBAPIError as error:
            if trouble(error) is Trouble.NO_ROOM:
                self.refused, self.has_room = self.refused + 1, False
            raise
        if self._log is not None:
            self._log.keep()
        self.has_room = True
        tx.happened()

    def shorten_log(self) -> None:
        """Let nothing erased stand in SQLite's log any longer; while somebody reads, the next time does it."""
        if self.dialect.name != "sqlite":
            return
        with self._writing:
            raw = self._engine.raw_connection()
            try:
                cursor = raw.cursor()
                cursor.execute(f"PRAGMA busy_timeout={_SHORTEN_MS}")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
                cursor.close()
            finally:
                raw.close()

    @property
    def sqlalchemy_engine(self) -> Engine:
        """For migrations only."""
        return self._engine

    @property
    def connections_in_use(self) -> int:
        """Return how many connections threads of this process hold now."""
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)  # as both databases are opened above
        return pool.checkedout()

    def close(self) -> None:
        self.presence.close()
        self._engine.dispose()


def _notice_the_end(engine: Engine) -> None:
    """Replace connections that PostgreSQL ended while nobody used them.

    Seen without asking it, for each question takes a way there and back.
    """

    @event.listens_for(engine, "checkout")
    def taken(raw: Any, _record: Any, _holder: Any) -> None:
        if has_ended(raw):
            raise InvalidatePoolError


def _answer_in_bytes(engine: Engine) -> None:
    """Let PostgreSQL send bytes and numbers as they are: as text, what is sealed comes twice as long.

    Not what its catalogue says of tables: that has types which are read as text alone.
    """

    @event.listens_for(engine, "before_cursor_execute")
    def asked(_connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if "pg_catalog." not in statement:
            # https://www.psycopg.org/psycopg3/docs/api/cursors.html#psycopg.Cursor.format
            cursor.format = type(cursor.format).BINARY


def _begin_as_meant(engine: Engine, dialect: Dialect) -> None:
    """Let psycopg begin a transaction as it is meant, and tell it nothing that it has been told for the one before.

    Told and taken back each time, as by options of SQLAlchemy's own, it costs as much as a short question.
    """

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection
        manner = connection.get_execution_options().get(_MANNER, dialect.changing)
        for name, value in manner.items():
            if getattr(raw, name) != value:
                setattr(raw, name, value)


def _plan_each_time(engine: Engine) -> None:
    """Let PostgreSQL plan statements for the values at hand, those that it knows as well.

    Else it would keep a plan that was made while a table was short, or for a list of another length.
    """

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _record: Any) -> None:
        raw.execute("SET plan_cache_mode = force_custom_plan")
        raw.commit()


def _write_ahead(raw: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, as long as that takes.

    The first switch needs the file alone, and SQLite does not wait for it whatever `busy_timeout` says: of two
    processes that open a new file together, one would fail.
    """
    for _ in range(500):
        try:
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(0.02)
        else:
            return
    raw.execute("PRAGMA journal_mode=WAL")


def _begin_by_ourselves(engine: Engine) -> None:
    """Make SQLite's transactions begin as declared: writers take the lock at once.

    A reader that turns writer half-way fails at once whatever `busy_timeout` says; see
    https://docs.sqlalchemy.org/en/21/dialects/sqlite.html (transactions with SQLite).
    """

    @event.listens_for(engine, "connect")
    def connected(raw: Any, _record: Any) -> None:
        raw.isolation_level = None
        _write_ahead(raw)
        for pragma in (
            # Each commit is brought to the disk when nobody is kept out by it: `WriteAheadLog`.
            "synchronous=NORMAL",
            f"busy_timeout={_BUSY_MS}",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            raw.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("openportability_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
