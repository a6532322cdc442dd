"""After leaving nothing holds the person, in any form used; a backup without their key is noise."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import UserId
from openportability.graph import store as lists
from openportability.privacy import store
from tests.house import House, opened
from tests.journeys.neighbourhood import Neighbour, Neighbourhood


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def house(folder: Path) -> Iterator[House]:
    with opened(folder, f"sqlite:///{folder / 'site.db'}", MovedClock()) as made:
        yield made


@pytest.fixture
def alice(house: House) -> Neighbour:
    """She has lists, a match, a plan and a ledger, tokens and sessions."""
    place = Neighbourhood(house)
    alice, bob = place.somebody(), place.somebody()
    place.join(bob)
    place.join(alice, standing="automatic")
    place.bring(alice, following=[bob], followers=[bob])
    place.reconnect(alice)
    alice.browser.post("/settings/tokens", {"name": "mine"})
    return alice


def forms_of(alice: Neighbour, user: UserId) -> list[bytes]:
    """Return what would give her away, in every encoding that is used."""
    words = [alice.old_handle, alice.new_handle, alice.new_id, str(alice.number)]
    numbers = [alice.number.to_bytes(8, order) for order in ("little", "big")]
    secrets = list(alice.browser.cookies.values())
    return [word.encode() for word in (*words, *secrets)] + numbers


def test_no_table_file_or_queue_holds_who_left(
    house: House, alice: Neighbour, folder: Path
) -> None:
    with house.site.db.read() as tx:
        user = max(store.everyone(tx))
    traces = forms_of(alice, user)
    before = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert any(trace in before for trace in traces)
    alice.browser.post("/leave")
    house.turn()
    with sqlite3.connect(folder / "site.db") as raw:
        rows = [
            row
            for (name,) in raw.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            ).fetchall()
            for row in raw.execute(f"SELECT * FROM {name}").fetchall()
        ]
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    told = b"\n".join(
        cell if isinstance(cell, bytes) else str(cell).encode() for row in rows for cell in row
    )
    after = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for trace in traces:
        assert trace not in told, trace
        assert trace not in after, trace
    assert house.site.engine.health().waiting == 0
    assert alice.browser.api("GET", "/me").status == 401


def test_a_backup_without_the_key_gives_nothing_back(
    house: House, alice: Neighbour, folder: Path, tmp_path: Path
) -> None:
    with house.site.db.read() as tx:
        user = max(store.everyone(tx))
        assert lists.open_lists(tx, house.site.vault, user)
    with sqlite3.connect(folder / "site.db") as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    copy = tmp_path / "backup.db"
    shutil.copy(folder / "site.db", copy)
    alice.browser.post("/leave")
    # The backup has the rows; the keys are kept apart, and hers is not among them any more.
    with sqlite3.connect(copy) as raw:
        raw.execute("DELETE FROM user_keys WHERE user_id = ?", (user,))
        (left,) = raw.execute(
            "SELECT count(*) FROM follow_lists WHERE user_id = ?", (user,)
        ).fetchone()
    raw.close()
    assert left > 0
    restored = Database(f"sqlite:///{copy}")
    with restored.read() as tx:
        assert lists.open_lists(tx, house.site.vault, user) == []
    restored.close()
