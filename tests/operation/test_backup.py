"""A copy is whole, taken in use, and comes back only where nothing is overwritten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from openportability.clock import MovedClock
from openportability.db import backup
from openportability.db.engine import Database
from openportability.db.move import contents
from openportability.db.schema import METADATA
from openportability.errors import Misconfigured
from openportability.operator import service
from openportability.privacy import keys
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
    service.restore(back, site.vault, file, keys.fits)
    assert _state(back) == before
    sqlite.close()
    back.close()


#: More than is copied between two changes of who writes without end.
MANY_BYTES = 24 * 1024 * 1024


@contextmanager
def written_all_the_while(path: Path) -> Iterator[None]:
    """Let another process, as it were, count without end."""
    begun, over = Event(), Event()

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA synchronous=OFF")
            for number in range(200_000):
                other.execute("UPDATE room SET n = ?", [number])
                begun.set()
                if over.is_set():
                    return

    writer = Thread(target=write)
    writer.start()
    assert begun.wait(10)
    yield
    over.set()
    writer.join()


def counted(path: Path) -> int:
    with closing(sqlite3.connect(path)) as look:
        (n,) = look.execute("SELECT n FROM room").fetchone()
    return int(n)


def test_a_copy_is_of_when_it_began_though_others_write_without_end(
    sqlite: Database, tmp_path: Path
) -> None:
    path = tmp_path / "openportability.db"
    with sqlite.write() as tx:
        tx.connection.exec_driver_sql("CREATE TABLE room (n INTEGER, bytes BLOB)")
        tx.connection.exec_driver_sql("INSERT INTO room VALUES (0, NULL)")
        tx.connection.exec_driver_sql("CREATE TABLE other (bytes BLOB)")
        tx.connection.exec_driver_sql("INSERT INTO other VALUES (?)", (bytes(MANY_BYTES),))
    with written_all_the_while(path):
        before = counted(path)
        backup.save(sqlite, tmp_path / "saved")
    assert counted(tmp_path / "saved") - before < 10_000  # else it began again and again
    sqlite.close()


def test_nothing_is_overwritten(sqlite: Database, tmp_path: Path) -> None:
    file = tmp_path / "saved"
    backup.save(sqlite, file)
    with pytest.raises(Misconfigured, match="exists: name another file"):
        backup.save(sqlite, file)
    with pytest.raises(Misconfigured, match="There is a database already"):
        backup.restore(sqlite, file)
    sqlite.close()


@pytest.mark.parametrize("end", ["-wal", "-shm"])
def test_what_an_old_database_left_is_not_read_into_one_that_is_put_back(
    sqlite: Database, tmp_path: Path, end: str
) -> None:
    backup.save(sqlite, tmp_path / "saved")
    (tmp_path / f"back.db{end}").write_bytes(b"of another database")
    back = Database(f"sqlite:///{tmp_path / 'back.db'}")
    with pytest.raises(Misconfigured, match="-wal and -shm"):
        backup.restore(back, tmp_path / "saved")
    assert not (tmp_path / "back.db").exists()
    sqlite.close()


def test_where_a_disk_knows_no_links_a_file_is_written_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise PermissionError("as memory sticks say it")

    monkeypatch.setattr("os.link", none)
    with backup.new_file(tmp_path / "made") as draft:
        draft.write_text("all")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("made", "all")]


def test_a_backup_of_another_keyring_is_not_put_in_place(
    sqlite: Database, clock: MovedClock, tmp_path: Path
) -> None:
    join(make_site(sqlite, clock), OLD, 1)
    backup.save(sqlite, tmp_path / "saved")
    back = Database(f"sqlite:///{tmp_path / 'back.db'}")
    with pytest.raises(Misconfigured, match="keyring does not open this backup"):
        service.restore(back, Vault(Keyring.fresh()), tmp_path / "saved", keys.fits)
    assert list(tmp_path.glob("back.db*")) == []
    sqlite.close()


def test_a_backup_of_a_site_without_people_wants_its_keyring_too(
    sqlite: Database, clock: MovedClock, tmp_path: Path
) -> None:
    site = make_site(sqlite, clock)
    keys.refuse_wrong_keyring(sqlite, site.vault, site.settings)
    backup.save(sqlite, tmp_path / "saved")
    back = Database(f"sqlite:///{tmp_path / 'back.db'}")
    with pytest.raises(Misconfigured, match="keyring does not open this backup"):
        service.restore(back, Vault(Keyring.fresh()), tmp_path / "saved", keys.fits)
    service.restore(back, site.vault, tmp_path / "saved", keys.fits)
    keys.refuse_wrong_keyring(back, site.vault, site.settings)
    back.close()
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
