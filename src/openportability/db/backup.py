"""Copies of a SQLite database, taken while it is in use, and put back.

PostgreSQL has tools of its own for this, which do it better: docs/howto/run-an-instance.md.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from openportability.db.engine import Database
from openportability.errors import Misconfigured
from openportability.vault import Keyring

#: Pages copied at once; between two steps others may write.
_PAGES = 1000


def save(database: Database, file: Path) -> None:
    """Write one consistent state of the database to a new file that only we can read."""
    source = _file_of(database)
    if not source.is_file():
        raise Misconfigured(f"There is no database at {source}: check OPENPORTABILITY_DATA_DIR.")
    with _new(file) as draft, closing(_open(source)) as reads, closing(_open(draft)) as writes:
        reads.backup(writes, pages=_PAGES)
        # As one file: what is in use has two more beside it.
        writes.execute("PRAGMA journal_mode=DELETE")
        _check(writes, file)


def save_key(file: Path, keyring: Keyring) -> None:
    """Write a keyring to a new file that only we can read."""
    with _new(file) as draft:
        draft.write_text(keyring.text(), encoding="utf-8")


def restore(database: Database, file: Path) -> None:
    """Put a backup where the database of the settings is to be. There must be none."""
    target = _file_of(database)
    if not file.is_file():
        raise Misconfigured(f"There is no file {file}: name a backup.")
    if target.exists():
        raise Misconfigured(
            f"There is a database already: stop the site and move {target} away, "
            "with the two files beside it whose names go on with -wal and -shm."
        )
    with closing(_open(file)) as reads:
        _check(reads, file)
        with _new(target) as draft, closing(_open(draft)) as writes:
            reads.backup(writes)


def take_away(database: Database) -> None:
    """Remove a database that was just restored, with what SQLite keeps beside it."""
    for end in ("", "-wal", "-shm"):
        Path(f"{_file_of(database)}{end}").unlink(missing_ok=True)


def _file_of(database: Database) -> Path:
    if database.dialect.name != "sqlite":
        raise Misconfigured(
            "This is for SQLite. Save PostgreSQL with pg_dump --format=custom, and put it back with "
            "pg_restore; keep the keyring apart from it."
        )
    return Path(database.url.database or "")


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, isolation_level=None, timeout=60)


def _check(connection: sqlite3.Connection, file: Path) -> None:
    try:
        said = connection.execute("PRAGMA integrity_check").fetchone()[0]
        tables = connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
        ).fetchone()[0]
    except sqlite3.DatabaseError:
        said, tables = "", 0
    if said != "ok" or not tables:
        raise Misconfigured(f"{file} is not a whole database of OpenPortability: use another copy.")


@contextmanager
def _new(file: Path) -> Iterator[Path]:
    """Yield a draft that becomes the file, whole or not at all."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    if file.exists():
        raise Misconfigured(f"{file} exists: name another file, or remove it.")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise Misconfigured(f"{draft} cannot be written: {error.strerror}.") from None
    try:
        yield draft
        os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
