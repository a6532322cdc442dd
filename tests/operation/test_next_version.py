"""A version that brings the database further: what was there stays, and the version before runs on.

There is one revision of ours yet. The second is made up, and meets what an instance of each release held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, inspect, select

from openportability import app
from openportability.accounts import store as accounts
from openportability.clock import SystemClock
from openportability.db import migrate
from openportability.db.engine import Database
from openportability.operator import health
from openportability.privacy import store as privacy
from openportability.settings import Settings
from openportability.site import Site
from tests.house import NETWORKS
from tests.operation import kept, newer

pytestmark = pytest.mark.slow

#: The record of commands grows with each.
RECORD = "acts"


@dataclass(frozen=True, kw_only=True)
class Instance:
    """What a release left, on a database."""

    old: kept.Kept
    environ: Mapping[str, str]

    @contextmanager
    def database(self) -> Iterator[Database]:
        with closing(Database(self.environ["OPENPORTABILITY_DATABASE_URL"])) as database:
            yield database

    @contextmanager
    def site(self) -> Iterator[Site]:
        """Start this program on it, which knows nothing of what is made up."""
        site = app.build(Settings.read(dict(self.environ)), SystemClock(), worker=False)
        with closing(site.db), closing(site.engine):
            yield site

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return all that stands in the tables, whoever made their columns."""
        there = MetaData()
        with self.database() as database:
            there.reflect(database.sqlalchemy_engine, only=list(self.old.rows))
            with database.read() as tx:
                return {
                    name: [dict(row) for row in tx.execute(_in_order(there, name)).mappings()]
                    for name in self.old.rows
                    if name != RECORD
                }

    def shape(self) -> dict[str, list[str]]:
        """Return the tables and their columns."""
        with self.database() as database:
            found = inspect(database.sqlalchemy_engine)
            return {
                name: [column["name"] for column in found.get_columns(name)]
                for name in found.get_table_names()
            }


def _in_order(there: MetaData, name: str) -> Any:
    table = there.tables[name]
    return select(table).order_by(*table.primary_key.columns)


@pytest.fixture(params=sorted(kept.FOLDER.glob("*.json.zst")), ids=lambda file: file.name)
def instance(request: pytest.FixtureRequest, empty_database_url: str, tmp_path: Path) -> Instance:
    """An instance of a release, as this program keeps it."""
    old = kept.read(request.param)
    with closing(Database(empty_database_url)) as database:
        kept.tables(database, old.revision)
        kept.put_back(database, old)
        migrate.upgrade(database)
    (tmp_path / "master.key").write_text(old.keyring, encoding="utf-8")
    (tmp_path / "master.key").chmod(0o600)
    environ = {
        **NETWORKS,
        "OPENPORTABILITY_DATA_DIR": str(tmp_path),
        "OPENPORTABILITY_DATABASE_URL": empty_database_url,
    }
    return Instance(old=old, environ=environ)


def test_all_is_there_after_the_next_revision_and_it_is_applied_once(
    instance: Instance, tmp_path: Path
) -> None:
    before = instance.rows()
    program = newer.program(tmp_path / "newer", migrate.newest(), newer.ADDS)
    done = program.run("migrate", environ=instance.environ)
    assert done.returncode == 0, done.stderr
    after = instance.rows()
    assert {row["word"] for row in after["users"]} == {f"of {user}" for user in instance.old.told}
    assert {row["word"] for row in after["reconnections"]} == {
        f"of {row['user_id']}" for row in before["reconnections"]
    }
    assert "made_up" in instance.shape()
    assert _without_the_word(after) == before
    again = program.run("migrate", environ=instance.environ)
    assert again.returncode == 0, again.stderr
    assert "database_migrated" in done.stderr
    assert "database_migrated" not in again.stderr
    assert instance.rows() == after


def test_a_revision_that_fails_leaves_everything_as_it_was_and_says_what_to_do(
    instance: Instance, tmp_path: Path
) -> None:
    before, shape = instance.rows(), instance.shape()
    program = newer.program(tmp_path / "newer", migrate.newest(), newer.ADDS, newer.FAILS)
    for command in ("migrate", "worker"):  # whichever is first to start
        done = program.run(command, environ=instance.environ)
        assert done.returncode == 1
        said = done.stderr.splitlines()[-1]
        assert f"from {migrate.newest()} to made_up_2 (IntegrityError)" in said
        assert "put back the version before" in said
        assert (instance.rows(), instance.shape()) == (before, shape)
    with instance.site() as site:
        assert kept.told(site) == instance.old.told


def test_the_version_before_goes_on_with_what_the_next_one_made(
    instance: Instance, tmp_path: Path
) -> None:
    program = newer.program(tmp_path / "newer", migrate.newest(), newer.ADDS)
    # In a rolling restart: one process of this version runs already, another is started again.
    with instance.site() as running:
        done = program.run("migrate", environ=instance.environ)
        assert done.returncode == 0, done.stderr
        with instance.site() as started:
            for site in (running, started):
                assert health.parts(site)["migrations"] == health.OK
                assert kept.told(site) == instance.old.told
            with running.db.write() as tx:
                newcomer = accounts.create_user(tx, running.vault, "en", running.clock.now())
            assert str(newcomer) in kept.told(started)
            assert instance.rows()["users"][-1]["word"] == "later"
            with started.db.write() as tx:
                assert privacy.erase_rows(tx, newcomer)
    again = program.run("migrate", environ=instance.environ)
    assert again.returncode == 0, again.stderr
    assert len(instance.rows()["users"]) == len(instance.old.told)


def _without_the_word(rows: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{key: one for key, one in row.items() if key != "word"} for row in some]
        for name, some in rows.items()
    }
