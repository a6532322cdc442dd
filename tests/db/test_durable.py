"""What was said to be kept is on the disk: a power cut, which leaves what was synced, takes nothing back."""

from __future__ import annotations

import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import insert

from openportability.db.engine import Database
from openportability.db.schema import counters


class Disk:
    """What a power cut would leave of a database: its files as they were when a sync was last asked for."""

    def __init__(self, database: Path, left: Path) -> None:
        self._files = [database, database.with_name(f"{database.name}-wal")]
        self._left = left
        self.syncs = 0

    def sync(self, _file: int) -> None:
        self.syncs += 1
        copy = self._left / str(self.syncs)
        copy.mkdir()
        for file in self._files:
            shutil.copy(file, copy)
        (self._left / "newest").unlink(missing_ok=True)
        (self._left / "newest").symlink_to(copy)

    def names(self) -> set[str]:
        """Return the counters that a power cut would leave."""
        left = sqlite3.connect(self._left / "newest" / self._files[0].name)
        try:
            return {name for (name,) in left.execute("SELECT name FROM counters")}
        finally:
            left.close()


@pytest.fixture
def disk(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    left = tmp_path / "left"
    left.mkdir()
    disk = Disk(Path(db.url.database or ""), left)
    monkeypatch.setattr(os, "fsync", disk.sync)
    return disk


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_committed_is_there_after_a_power_cut(db: Database, disk: Disk) -> None:
    with db.write() as tx:
        tx.execute(insert(counters).values(name="told", n=1))
        tx.after(lambda: seen.append(disk.names()))
        seen: list[set[str]] = []
    assert seen == [{"told"}]
    assert disk.names() == {"told"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_many_who_write_at_once_each_find_theirs(db: Database, disk: Disk) -> None:
    def write(number: int) -> None:
        with db.write() as tx:
            tx.execute(insert(counters).values(name=str(number), n=number))
        told.append(number)
        assert {str(one) for one in told} >= {str(number)}

    told: list[int] = []
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(64)))
    assert disk.names() == {str(number) for number in range(64)}
    assert disk.syncs <= 64


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_disk_that_refuses_is_told(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: int) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"), db.write() as tx:
        tx.execute(insert(counters).values(name="lost", n=1))
