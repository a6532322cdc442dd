"""The doctor finds what is wrong, says what to do, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text

from lab import servers
from openportability import app
from openportability.db import migrate
from openportability.operator.doctor import examine
from openportability.operator.finding import Finding
from openportability.vault import Keyring
from tests.house import House
from tests.operation.test_health import somebody

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def look(
    house: House, changed: Mapping[str, str] | None = None, *, least_free_bytes: int = 0
) -> list[Finding]:
    """Look the site over, some of its settings changed."""
    environ = dict(house.site.settings._environ)
    environ |= {f"OPENPORTABILITY_{name}": value for name, value in (changed or {}).items()}
    means = app.doctors_means()
    return list(examine(environ, house.clock, means, least_free_bytes=least_free_bytes))


def faults(found: list[Finding]) -> dict[str, Finding]:
    return {one.part: one for one in found if not one.good}


def test_a_site_that_is_well_is_well(house: House) -> None:
    somebody(house)
    found = look(house, {"SKY_WORLD_URL": house.base_url})
    assert faults(found) == {}
    told = {one.part for one in found}
    assert told >= {"settings", "disk", "keys", "database", "migrations", "keyring", "worker"}
    assert told >= {"public address", "documents", "networks", "clock"}


def test_where_files_lie_is_tried_and_left_as_it_was(
    house: House, tmp_path: Path, s3: servers.S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    bucket = {"FILES_URL": "s3://kept/doctor", "FILES_ENDPOINT": s3.url}
    folder = {"FILES_URL": shared.as_uri()}
    told = faults(look(house, folder))["files"]
    assert "there is no file://" in told.says
    assert "OPENPORTABILITY_FILES_URL" in told.todo
    shared.mkdir()
    for good in (folder, bucket):
        assert "files" in {one.part for one in look(house, good) if one.good}
    assert list(shared.iterdir()) == []
    (port,) = servers.free_ports(1)
    away = bucket | {"FILES_ENDPOINT": f"http://127.0.0.1:{port}"}
    assert "does not answer" in faults(look(house, away))["files"].says
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-somebody-else")
    refused = faults(look(house, bucket))["files"]
    assert "does not let us" in refused.says
    assert "of-somebody-else" not in str(refused)


def _open_the_key(house: House) -> None:
    (house.site.settings.data_dir / "master.key").chmod(0o644)


def _come_from_the_future(house: House) -> None:
    with house.site.db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = 'future'"))


def _be_an_hour_ahead(house: House) -> None:
    house.clock.forward(hours=1)
    house.turn()


def _be_lived_in(house: House) -> None:
    somebody(house)


def _nothing(house: House) -> None:
    """Change no more than a setting."""


@pytest.mark.parametrize(
    ("plant", "changed", "part", "says", "todo"),
    [
        (_nothing, {"BIND": "nowhere"}, "settings", "OPENPORTABILITY_BIND", "correct it"),
        (_nothing, {"MASTER_KEY_FILE": "/none/key"}, "settings", "cannot be read", "correct"),
        (
            _nothing,
            {"NETWORKS": "nosuch"},
            "networks",
            "no such folder",
            "OPENPORTABILITY_NETWORKS",
        ),
        (_open_the_key, {}, "keys", "read by others", "put the keyring in place"),
        (_be_lived_in, {"MASTER_KEY": Keyring.fresh().text()}, "keyring", "not open", "put back"),
        (_nothing, {"MASTER_KEY": "short"}, "keys", "key_id:base64url", "put the keyring"),
        (
            _nothing,
            {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
            "database",
            "does not answer",
            "start it",
        ),
        (_nothing, {"DATABASE_URL": "sqlite:////none/a.db"}, "database", "no /none", "migrate"),
        (_come_from_the_future, {}, "migrations", "newer program", "install that version"),
        (lambda house: house.clock.forward(hours=1), {}, "worker", "not seen", "start one"),
        (_be_an_hour_ahead, {"SKY_WORLD_URL": "{home}"}, "clock", "s off", "NTP"),
        (_nothing, {"SKY_WORLD_URL": "http://127.0.0.1:1"}, "networks", "sky cannot", "reach"),
        (_nothing, {"BASE_URL": "http://127.0.0.1:1"}, "public address", "cannot be", "proxy"),
        (_nothing, {"SKY_SEED": "other"}, "documents", "not what this site", "unchanged"),
    ],
)
def test_a_planted_fault_is_found(
    house: House,
    plant: Callable[[House], None],
    changed: Mapping[str, str],
    part: str,
    says: str,
    todo: str,
) -> None:
    house.turn()
    plant(house)
    given = {name: value.format(home=house.base_url) for name, value in changed.items()}
    found = faults(look(house, given))
    assert part in found, found
    assert says in found[part].says
    assert todo in found[part].todo
    assert str(found[part]).startswith(f"FAULT  {part}: ")


def test_a_database_that_waits_for_its_upgrade_is_told_as_such(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever the next release asks of tables that are not there yet.
    with house.site.db.write() as tx:
        tx.execute(text("ALTER TABLE user_keys RENAME TO keys_of_users"))
    monkeypatch.setattr(migrate, "newest", lambda: "r9999")
    found = faults(look(house))
    assert "database" not in found
    assert found["migrations"].todo == "run openportability migrate"


def test_a_full_disk_is_found(house: House) -> None:
    assert "make room" in faults(look(house, least_free_bytes=2**60))["disk"].todo


def test_looking_changes_nothing(house: House, tmp_path: Path) -> None:
    new = tmp_path / "new"
    url = f"sqlite:///{new}/a.db"
    found = faults(look(house, {"DATA_DIR": str(new), "DATABASE_URL": url}))
    assert found["keys"].todo.endswith("start once to have one made")
    assert not new.exists()
