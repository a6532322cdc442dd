"""The tables of Procrastinate: made once, and brought further by the library's own migrations.

The library notes nowhere how far they are, so the name of the last migration is the comment of its main table.
"""

from __future__ import annotations

from pathlib import Path

from procrastinate.schema import SchemaManager
from psycopg import Connection
from psycopg.sql import SQL, Literal


def prepare(connection: Connection[tuple[object, ...]]) -> None:
    """Make the tables, or apply the migrations they lack. Nobody else may do so meanwhile.

    What a newer library has brought further is left as it is.
    """
    migrations = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    newest = migrations[-1].stem
    (there,) = connection.execute("SELECT to_regclass('procrastinate_jobs')::oid").fetchone() or (
        None,
    )
    if there is None:
        connection.execute(SchemaManager.get_schema())
        _note(connection, newest)
        return
    asked = connection.execute("SELECT obj_description(%s, 'pg_class')", [there]).fetchone()
    # Tables without a note were made by the library that was the newest when notes began.
    done = str((asked and asked[0]) or newest)
    for one in migrations:
        if one.stem > done:
            connection.execute(one.read_bytes())
            _note(connection, one.stem)


def _note(connection: Connection[tuple[object, ...]], migration: str) -> None:
    connection.execute(SQL("COMMENT ON TABLE procrastinate_jobs IS {}").format(Literal(migration)))
