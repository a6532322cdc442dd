"""Bring a database to the newest revision, whoever starts first.

Revisions are additive first: an older program runs on a newer schema, so a rolling restart, or a
step back to the version before, needs no migration.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from openportability.db.engine import Database
from openportability.db.trouble import trouble
from openportability.errors import Misconfigured, without_words

log = logging.getLogger(__name__)


def upgrade(database: Database) -> None:
    """Apply the revisions that the database lacks, all in one transaction.

    Any number of processes may ask at once: one works, the others wait for it. A database that a
    newer program has brought further is left as it is. Raise `Misconfigured`, with nothing changed,
    where a revision cannot be applied.
    """
    revision = current(database)
    if not is_older(revision):
        if revision != newest():
            log.warning("database_is_newer", extra={"revision": revision, "newest": newest()})
        return
    with database.dialect.alone(database.sqlalchemy_engine) as connection:
        before = _revision(connection)
        if is_older(before):
            _apply(connection, before)
            log.info("database_migrated", extra={"before": before, "after": newest()})


def current(database: Database) -> str | None:
    """Return the revision of a database; None for an empty one."""
    with database.read() as tx:
        return _revision(tx.connection)


def is_older(revision: str | None) -> bool:
    """Say whether this program can bring a database of this revision further."""
    if revision is None or revision == newest():
        return revision is None
    return revision in {script.revision for script in _revisions().walk_revisions()}


def newest() -> str:
    """Return the revision that this program brings a database to."""
    head = _revisions().get_current_head()
    assert head is not None  # the folder holds at least the first one
    return head


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@cache
def _revisions() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _apply(connection: Connection, before: str | None) -> None:
    config = _config()
    config.attributes["connection"] = connection  # migrations/env.py takes it from there
    try:
        command.upgrade(config, "head")
    except Exception as error:
        if trouble(error) is not None:
            raise  # no revision's fault, and told in words of its own
        log.error("migration_failed", extra=without_words(error))
        raise Misconfigured(
            f"The database could not be brought from {before or 'empty'} to {newest()} "
            f"({type(error).__name__}). Nothing of it was kept: put back the version before, which "
            "goes on with the database as it is, and report this with the log."
        ) from None


def _config() -> Config:
    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
