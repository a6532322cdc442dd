"""A copy is whole, taken in use, and comes back only where nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from openportability.clock import MovedClock
from openportability.db import backup
from openportability.db.engine import Database
from openportability.db.move import contents
from openportability.db.schema import METADATA
from openportability.errors import Misconfigured
from openportability.operator import service
from openportability.vault import Keyring, Vault
from tests.cast import OLD, bring, join, make_site


def _state(database: Database) -> dict[str, object]:
    with database.read() as tx:
        return {name: contents(tx, table) for name, table in METADATA.tables.items()}


@pytest.fixture
def sqlite(migrated_sqlite: Path, tmp_path: Path) -> Database:
    path = tmp_path / "openportability.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    return Database(f"sqlite:///{path}")


def test_a_copy_taken_in_use_comes_back_as_it_was(
    sqlite: Database, clock: MovedClock, tmp_path: Path
) -> None:
    site = make_site(sqlite, clock)
    alice = join(site, OLD, 1)
    bring(site, alice.user, OLD, following=[2, 3])
    file = tmp_path / "saved"
    before = _state(sqlite)
    with sqlite.write():  # a writer that has not ended keeps nobody from saving
        backup.save(sqlite, file)
    join(site, OLD, 2)
    assert file.stat().st_mode & 0o077 == 0
    assert sorted(one.name for one in tmp_path.glob("saved*")) == ["saved"]
    back = Database(f"sqlite:///{tmp_path / 'back.db'}")
    service.restore(back, site.vault, file)
    assert _state(back) == before
    sqlite.close()
    back.close()


def test_nothing_is_overwritten(sqlite: Database, tmp_path: Path) -> None:
    file = tmp_path / "saved"
    backup.save(sqlite, file)
    with pytest.raises(Misconfigured, match="exists: name another file"):
        backup.save(sqlite, file)
    with pytest.raises(Misconfigured, match="There is a database already"):
        backup.restore(sqlite, file)
    sqlite.close()


def test_a_backup_of_another_keyring_is_not_put_in_place(
    sqlite: Database, clock: MovedClock, tmp_path: Path
) -> None:
    join(make_site(sqlite, clock), OLD, 1)
    backup.save(sqlite, tmp_path / "saved")
    back = Database(f"sqlite:///{tmp_path / 'back.db'}")
    with pytest.raises(Misconfigured, match="keyring does not open this backup"):
        service.restore(back, Vault(Keyring.fresh()), tmp_path / "saved")
    assert list(tmp_path.glob("back.db*")) == []
    sqlite.close()


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 and then nothing of it", b"hello"])
def test_what_is_no_backup_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "saved").write_bytes(content)
    back = Database(f"sqlite:///{tmp_path / 'back.db'}")
    with pytest.raises(Misconfigured, match="not a whole database"):
        backup.restore(back, tmp_path / "saved")
    assert list(tmp_path.glob("back.db*")) == []


def test_a_keyring_is_written_for_nobody_else(tmp_path: Path) -> None:
    keyring = Keyring.fresh()
    backup.save_key(tmp_path / "key", keyring)
    assert Keyring.parse((tmp_path / "key").read_text()) == keyring
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


def test_postgresql_is_left_to_its_own_tools(tmp_path: Path) -> None:
    database = Database("postgresql+psycopg://nobody@127.0.0.1/none")
    with pytest.raises(Misconfigured, match="pg_dump"):
        backup.save(database, tmp_path / "saved")
