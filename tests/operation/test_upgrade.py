"""What an instance of each release held is there after an upgrade, on both databases."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from openportability import app
from openportability.accounts import store as accounts
from openportability.clock import SystemClock
from openportability.db import migrate
from openportability.db.engine import Database
from openportability.settings import Settings
from tests.house import NETWORKS
from tests.operation import kept

FILES = sorted(kept.FOLDER.glob("*.json.zst"))

MAKE_ANEW = """The schema is not that of {name} any more. As long as that version is not released, make the file anew:

    PYTHONPATH=src:. python -m scripts.keep_release

Once it is released, leave the file and its migrations as they are, and write another migration."""


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_a_release_kept_is_there_after_the_upgrade(
    file: Path, empty_database_url: str, tmp_path: Path
) -> None:
    old = kept.read(file)
    with closing(Database(empty_database_url)) as database:
        kept.tables(database, old.revision)
        kept.put_back(database, old)
    (tmp_path / "master.key").write_text(old.keyring, encoding="utf-8")
    (tmp_path / "master.key").chmod(0o600)
    environ = {
        **NETWORKS,
        "PYTHONPATH": str(kept.ROOT / "src"),
        "OPENPORTABILITY_DATA_DIR": str(tmp_path),
        "OPENPORTABILITY_DATABASE_URL": empty_database_url,
    }
    command = [sys.executable, "-m", "openportability", "migrate"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert "newest revision" in done.stdout, done.stderr
    site = app.build(Settings.read(environ), SystemClock(), worker=False)
    with closing(site.db), closing(site.engine):
        assert migrate.current(site.db) == migrate.newest()
        assert kept.told(site) == old.told
        with site.db.write() as tx:
            newcomer = accounts.create_user(tx, site.vault, "en", site.clock.now())
        assert str(newcomer) not in old.told


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_migrations_still_make_the_tables_of_a_release(file: Path, tmp_path: Path) -> None:
    old = kept.read(file)
    with closing(Database(f"sqlite:///{tmp_path}/old.db")) as database:
        kept.tables(database, old.revision)
        assert kept.shape(database.sqlalchemy_engine) == old.shape, MAKE_ANEW.format(name=file.name)


def test_the_version_that_is_being_made_is_kept_as_it_is_now() -> None:
    file = kept.of_this_version()
    assert file in FILES, f"{file.name} is missing: PYTHONPATH=src:. python -m scripts.keep_release"
    assert kept.read(file).revision == migrate.newest(), MAKE_ANEW.format(name=file.name)


def test_a_kept_instance_has_all_that_an_upgrade_may_lose() -> None:
    old = kept.read(kept.of_this_version())
    for part in ("accounts", "lists", "matches", "ledger"):
        assert any(one[part] for one in old.told.values())
