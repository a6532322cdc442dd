"""Keys are replaced while everything goes on; a wrong keyring stops the start in clear words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, func, select

from openportability import app as parts
from openportability import keyfile
from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import METADATA, user_keys
from openportability.db.site_schema import key_proofs
from openportability.domain import UserId
from openportability.errors import Misconfigured
from openportability.privacy import keys, store, taking
from openportability.privacy.parts import Document
from openportability.settings import Settings
from openportability.site import Site
from openportability.vault import Keyring, Unreadable, Vault
from tests.house import NETWORKS, House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def place(house: House) -> Neighbourhood:
    return Neighbourhood(house)


@pytest.fixture
def alice(place: Neighbourhood) -> Neighbour:
    """She has something in every table that is sealed, and works goes on for her."""
    alice, _bob = place.circle(1, standing="ask")
    place.reconnect(alice)
    return alice


def nobody_waits(_seconds: float) -> None:
    """Rotate at once: no other process runs."""


def taken(house: House) -> list[Document]:
    with house.site.db.read() as tx:
        return [taking.document(tx, house.site, user) for user in store.everyone(tx)]


def ring_of(house: House) -> Keyring:
    path = house.site.settings.key_file
    assert path is not None
    return Keyring.parse(path.read_text())


def test_all_bytes_say_how_they_are_kept() -> None:
    kinds = {"wrapped", "sealed", "SEALED", "block", "hash", "proof"}
    for table in METADATA.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, LargeBinary):
                assert column.info.get("kept") in kinds, f"{table.name}.{column.name}"


def test_a_running_site_reads_everything_under_new_keys(house: House, alice: Neighbour) -> None:
    before, old = taken(house), ring_of(house)
    with house.site.db.read() as tx:
        wrapped = {row.user_id: row.wrapped for row in tx.execute(select(user_keys))}
    done = keys.rotate(house.site, people=True, wait=nobody_waits)
    assert (done.people, done.values >= len(before)) == (len(before), True)
    assert set(ring_of(house).sealing).isdisjoint(old.sealing)
    assert ring_of(house).identity == old.identity
    # The site that was running all the while: pages, tokens and work go on.
    assert taken(house) == before
    assert alice.browser.get("/matches").status == 200
    house.clock.forward(hours=1)
    house.turn()
    # A stolen keyring and the keys of before open nothing of today.
    with house.site.db.read() as tx:
        for user in store.everyone(tx):
            today = tx.execute(
                select(user_keys.c.wrapped).where(user_keys.c.user_id == user)
            ).scalar_one()
            assert today != wrapped[user]
            with pytest.raises(Unreadable):
                Vault(old).personal(today, user)


def test_killed_anywhere_it_is_begun_again(
    house: House, alice: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = taken(house)
    calls = 0
    whole = store.seal_again

    def dying(*given: object, **named: object) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Killed
        return whole(*given, **named)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(store, "seal_again", dying)
    with pytest.raises(Killed):
        keys.rotate(house.site, wait=nobody_waits)
    monkeypatch.setattr(store, "seal_again", whole)
    begun = ring_of(house)
    assert len(begun.sealing) == 2
    assert taken(house) == before
    keys.rotate(house.site, wait=nobody_waits)
    assert list(ring_of(house).sealing) == list(begun.sealing)[:1]
    assert taken(house) == before


def test_what_another_process_sealed_meanwhile_is_not_left_behind(
    house: House, alice: Neighbour
) -> None:
    made: list[UserId] = []

    def meanwhile(_seconds: float) -> None:
        # This site has not looked into the file yet: it still seals with the old key.
        with house.site.db.write() as tx:
            made.append(accounts.create_user(tx, house.site.vault, "en", house.clock.now()))

    keys.rotate(house.site, wait=meanwhile)
    with house.site.db.read() as tx:
        newest = Vault(ring_of(house)).newest_header()
        heads = select(func.count()).where(
            func.substr(user_keys.c.wrapped, 1, len(newest)) != newest
        )
        assert tx.execute(heads).scalar_one() == 0
        accounts.personal_key(tx, house.site.vault, made[0])


def settings_for(folder: Path, database_url: str, **more: str) -> Settings:
    return Settings.read(
        {
            **NETWORKS,
            "OPENPORTABILITY_DATA_DIR": str(folder),
            "OPENPORTABILITY_DATABASE_URL": database_url,
            **{f"OPENPORTABILITY_{name}": value for name, value in more.items()},
        }
    )


def started(settings: Settings) -> Site:
    site = parts.build(settings, MovedClock())
    site.engine.close()
    site.db.close()
    return site


def test_a_wrong_or_missing_keyring_stops_the_start(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, database_url)
    started(settings)
    ring = (tmp_path / "master.key").read_text()
    started(settings)
    (tmp_path / "master.key").unlink()
    with pytest.raises(Misconfigured, match=r"there is no keyring .*Put its copy there"):
        started(settings)
    assert not (tmp_path / "master.key").exists()
    with pytest.raises(Misconfigured, match="belongs to another database"):
        started(settings_for(tmp_path, database_url, MASTER_KEY=Keyring.fresh().text()))
    other = Keyring(identity=Keyring.parse(ring).identity, sealing=Keyring.fresh().sealing)
    with pytest.raises(Misconfigured, match="lacks a key"):
        started(settings_for(tmp_path, database_url, MASTER_KEY=other.text()))
    with pytest.raises(Misconfigured, match="not of the form"):
        started(settings_for(tmp_path, database_url, MASTER_KEY="secret"))
    started(settings_for(tmp_path, database_url, MASTER_KEY=ring))


def test_a_keyring_that_is_no_file_cannot_be_replaced(database_url: str, tmp_path: Path) -> None:
    given = settings_for(tmp_path, database_url, MASTER_KEY=Keyring.fresh().text())
    site = parts.build(given, MovedClock())
    with pytest.raises(Misconfigured, match="put it into a file"):
        keys.rotate(site, wait=nobody_waits)
    site.engine.close()
    site.db.close()


def test_an_alien_keyring_in_the_file_is_passed_over(tmp_path: Path) -> None:
    path, ring = tmp_path / "master.key", Keyring.fresh()
    path.write_text(ring.text())
    path.chmod(0o600)
    newer = keyfile.watch(path, ring)
    assert newer(True) is None
    keyfile.replace(path, Keyring.fresh().text())
    assert newer(True) is None
    keyfile.replace(path, "torn")
    assert newer(True) is None
    keyfile.replace(path, ring.grown().text())
    grown = newer(True)
    assert grown is not None
    assert len(grown.sealing) == 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_who_reads_the_keyring_reads_the_one_that_is_put_in_its_place(tmp_path: Path) -> None:
    # Root gives files to anybody; others to a group of their own, of which there may be but one.
    mine = (os.getuid(), (os.getgroups() or [os.getgid()])[-1])
    owner, group = (1234, 5678) if os.getuid() == 0 else mine
    path, ring = tmp_path / "master.key", Keyring.fresh()
    path.write_text(ring.text())
    path.chmod(0o640)
    os.chown(path, owner, group)
    keyfile.replace(path, ring.grown().text())
    told = path.stat()
    assert (told.st_uid, told.st_gid, told.st_mode & 0o777) == (owner, group, 0o640)
    assert [one.name for one in tmp_path.iterdir()] == ["master.key"]


def test_the_proof_is_one_row(db: Database, tmp_path: Path, database_url: str) -> None:
    started(settings_for(tmp_path, database_url))
    with db.read() as tx:
        assert tx.execute(select(func.count()).select_from(key_proofs)).scalar_one() == 1
