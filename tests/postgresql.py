"""A PostgreSQL of this process, and databases in it that are as good as new for each test.

A new database is a copy of hundreds of files and takes 0.2 s; emptying the few tables that a test has filled takes a
tenth of that. So a migrated one is used again, unless a test has changed more than rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property

import psycopg

#: Whatever a test may have changed that emptying does not bring back.
_SHAPE = b"""
    SELECT (SELECT string_agg(version_num, ',') FROM alembic_version),
           (SELECT md5(string_agg(attrelid::text || attname || atttypid || attisdropped, ',' ORDER BY attrelid, attnum))
            FROM pg_attribute JOIN pg_class ON oid = attrelid
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0),
           (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_proc)
"""

#: Rows are deleted one by one and no key is asked for: to truncate makes new files of every table that refers to them,
#: and of each of their parts.
_EMPTY = b"""
    DO $$
    DECLARE
        name text;
        filled boolean;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR name IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace
                    AND relkind = 'r' AND relname <> 'alembic_version'
                    AND pg_relation_size(oid) > 0 LOOP
            EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO filled;
            IF filled THEN
                EXECUTE 'DELETE FROM ' || name;
            END IF;
        END LOOP;
        FOR name IN SELECT quote_ident(sequencename) FROM pg_sequences
                    WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP
            EXECUTE 'ALTER SEQUENCE ' || name || ' RESTART';
        END LOOP;
    END $$
"""


@dataclass(kw_only=True)
class Cluster:
    """One PostgreSQL of this process, with a migrated database to copy."""

    folder: str
    migrated: str
    #: Ends the server, and starts it again.
    stop: Callable[[], None]
    start: Callable[[], None]
    #: Migrated databases that nobody uses, empty.
    _free: list[str] = field(default_factory=list)
    #: One connection for all that concerns whole databases: each new one starts a process.
    _desk: psycopg.Connection[tuple[object, ...]] | None = None

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def execute(self, statement: str, values: Sequence[object] | None = None) -> None:
        if self._desk is None:
            self._desk = self._connected("postgres")
        self._desk.execute(statement.encode(), values)

    def close(self) -> None:
        if self._desk is not None:
            self._desk.close()
            self._desk = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let there be no server for a while."""
        self.close()
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def new(self, *, template: str) -> Iterator[str]:
        """Lend a copy of a database, which is dropped afterwards."""
        name = self._copy(template)
        yield self.url(name)
        self._drop(name)

    @contextmanager
    def as_new(self) -> Iterator[str]:
        """Lend a migrated database without a row, which is emptied afterwards."""
        name = self._free.pop() if self._free else self._copy(self.migrated)
        yield self.url(name)
        if self._emptied(name):
            self._free.append(name)
        else:
            self._drop(name)

    def _emptied(self, name: str) -> bool:
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        with (
            suppress(psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn),
            self._connected(name) as connection,
        ):
            connection.execute(_EMPTY)
            return connection.execute(_SHAPE).fetchone() == self._shape
        return False

    @cached_property
    def _shape(self) -> tuple[object, ...] | None:
        with self._connected(self.migrated) as connection:
            return connection.execute(_SHAPE).fetchone()

    def _copy(self, template: str) -> str:
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def _drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _connected(self, name: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(f"postgresql://postgres@/{name}?host={self.folder}", autocommit=True)
