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


def save(database: Database, file: Path) -> None:
    """Write one consistent state of the database to a new file that only we can read."""
    source = _file_of(database)
    if not source.is_file():
        raise Misconfigured(f"There is no database at {source}: check OPENPORTABILITY_DATA_DIR.")
    with new_file(file) as draft, closing(_open(source)) as reads, closing(_open(draft)) as writes:
        # In one step: a copy made in several begins anew whenever somebody writes between two. Writers do not wait, for
        # what they write goes into a file of its own. https://www.sqlite.org/backup.html
        reads.backup(writes)
        # As one file: what is in use has two more beside it.
        writes.execute("PRAGMA journal_mode=DELETE")
        _check(writes, file)


def save_key(file: Path, keyring: Keyring) -> None:
    """Write a keyring to a new file that only we can read."""
    with new_file(file) as draft:
        draft.write_text(keyring.text(), encoding="utf-8")


def restore(database: Database, file: Path) -> None:
    """Put a backup where the database of the settings is to be. There must be none."""
    target = _file_of(database)
    if not file.is_file():
        raise Misconfigured(f"There is no file {file}: name a backup.")
    if any(one.exists() for one in _parts(target)):
        raise Misconfigured(
            f"There is a database already: stop the site and move {target} away, "
            "with the two files beside it whose names go on with -wal and -shm."
        )
    with closing(_open(file)) as reads:
        _check(reads, file)
        with new_file(target) as draft, closing(_open(draft)) as writes:
            reads.backup(writes)


def take_away(database: Database) -> None:
    """Remove a database that was just restored, with what SQLite keeps beside it."""
    for one in _parts(_file_of(database)):
        one.unlink(missing_ok=True)


@contextmanager
def new_file(file: Path) -> Iterator[Path]:
    """Yield a draft, which only we can read, that becomes the file, whole or not at all."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    if file.exists():
        raise _there(file)
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise Misconfigured(f"{draft} cannot be written: {error.strerror}.") from None
    try:
        yield draft
        _name(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _file_of(database: Database) -> Path:
    if database.dialect.name != "sqlite":
        raise Misconfigured(
            "This is for SQLite. Save PostgreSQL with pg_dump --format=custom, and put it back with "
            "pg_restore; keep the keyring apart from it."
        )
    return Path(database.url.database or "")


def _parts(file: Path) -> list[Path]:
    """Return the file of a database and what SQLite keeps beside it, which it reads into any other of that name."""
    return [Path(f"{file}{end}") for end in ("", "-wal", "-shm")]


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


def _name(draft: Path, file: Path) -> None:
    """Give a draft its name, and never that of another file; where a disk knows no links, it was looked for before."""
    try:
        os.link(draft, file)
    except FileExistsError:
        raise _there(file) from None
    except OSError:
        draft.rename(file)


def _there(file: Path) -> Misconfigured:
    return Misconfigured(f"{file} exists: name another file, or remove it.")
