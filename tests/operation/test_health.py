"""A site says which part is down, and counts without naming anybody."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select, text
from starlette.testclient import TestClient

from openportability import app
from openportability.clock import micros
from openportability.db.schema import accounts, lanes
from openportability.domain import NetworkName
from openportability.reconnection import host_store
from openportability.vault import Keyring, Vault
from scripts.tree import ROOT
from tests.house import House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood

SILENT = re.compile(r'openportability_chore_silent_seconds\{chore="([\w-]+)"\} (\d+)')
LINE = re.compile(r'openportability_[a-z_]+(\{([a-z]+="[^"\n]*",?)+\})? [0-9.e+-]+')


def served(made: FastAPI, house: House, peer: str = "127.0.0.1") -> TestClient:
    return TestClient(made, base_url=house.base_url, client=(peer, 5000))


def somebody(house: House) -> Neighbour:
    neighbours = Neighbourhood(house)
    one = neighbours.somebody()
    neighbours.join(one)
    return one


def test_a_site_says_which_part_is_down(house: House) -> None:
    client = served(app.web(house.site), house)
    parts = client.get("/readyz").json()["parts"]
    assert parts["worker"] == "never seen: start one with openportability worker"
    house.turn()
    assert client.get("/readyz").json()["status"] == "ready"
    house.clock.forward(minutes=5)
    silent = client.get("/readyz")
    assert (silent.status_code, silent.json()["status"]) == (200, "degraded")
    assert re.match(r"not seen for 3\d\d s: start one", silent.json()["parts"]["worker"])
    with house.site.db.write() as tx:
        tx.execute(text("DELETE FROM alembic_version"))
    down = client.get("/readyz")
    assert (down.status_code, down.json()["status"]) == (503, "down")
    assert "openportability migrate" in down.json()["parts"]["migrations"]
    with house.site.db.write() as tx:
        tx.execute(text("DROP TABLE alembic_version"))
        tx.execute(text("CREATE TABLE alembic_version (other INTEGER)"))
    assert list(client.get("/readyz").json()["parts"]) == ["database"]


def test_the_keyring_of_another_site_is_seen(house: House) -> None:
    somebody(house)
    other = replace(house.site, vault=Vault(Keyring.fresh()))
    answer = served(app.web(other), house).get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["keyring"].startswith("does not open this database")


def test_numbers_are_well_formed_and_name_nobody(house: House) -> None:
    one = somebody(house)
    with house.site.db.write() as tx:
        now = house.clock.now()
        host_store.pause(tx, NetworkName("herd"), "meadow.example", now + timedelta(hours=1))
        account = tx.execute(select(accounts)).first()
        assert account is not None
        tx.execute(
            insert(lanes).values(
                account_id=account.id,
                user_id=account.user_id,
                network="herd",
                instance="meadow.example",
                state="open",
                remaining=0,
                reset_at=micros(now + timedelta(hours=1)),
                spent="[]",
                failures=0,
            )
        )
    client = served(app.web(house.site), house)
    assert client.get("/nowhere/with/a-name").status_code == 404
    assert client.get("/en/about").status_code == 200
    assert client.get("/auth/herd/callback?state=made-up").status_code == 400
    told = client.get("/metrics").text
    for line in told.splitlines():
        assert line.startswith("# ") or LINE.fullmatch(line), line
    for expected in (
        'requests_total{route="none",status="4xx"} 1',
        'requests_total{route="/about",status="2xx"} 1',
        'problems_total{route="/auth/{network}/callback",code="auth.replayed"} 1',
        'sign_ins_total{outcome="auth.replayed"} 1',
        'up{part="database"} 1',
        "people 1",
        'sweep_behind{of="people"} ',
        "jobs_waiting ",
        "line 0",
        "database_connections ",
        'lanes_spent{network="herd"} 1',
        'servers_resting{network="herd"} 1',
    ):
        assert f"openportability_{expected}" in told
    # What is to be woken by is told: the rules for alerts name no number that does not exist.
    rules = (ROOT / "deploy/prometheus/alerts.yaml").read_text(encoding="utf-8")
    wanted = set(re.findall(r"openportability_[a-z_]+", rules))
    assert len(wanted) >= 5
    assert wanted <= set(re.findall(r"^# TYPE (\w+)", told, re.MULTILINE))
    for name in (one.old_handle, one.new_handle, one.new_id, "a-name", "made-up"):
        assert name not in told
    house.turn()
    assert 'openportability_sweep_behind{of="people"} 0' in client.get("/metrics").text


def test_each_chore_that_forgets_tells_when_it_last_ran(house: House) -> None:
    house.turn()
    house.clock.forward(hours=5)
    told = served(app.web(house.site), house).get("/metrics").text
    silent = dict(SILENT.findall(told))
    assert {"purge-sign-ins", "purge-plans", "purge-addresses", "purge-tallies"} <= set(silent)
    assert {"shorten-log", "forget-unseen"} <= set(silent)
    assert {int(seconds) // 3600 for seconds in silent.values()} == {5}
    house.turn()
    again = served(app.web(house.site), house).get("/metrics").text
    assert {int(seconds) // 3600 for _, seconds in SILENT.findall(again)} == {0}


@pytest.mark.parametrize(
    ("token", "peer", "headers", "status"),
    [
        ("", "127.0.0.1", {}, 200),
        ("", "192.0.2.7", {}, 404),
        ("", "127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, 404),
        ("", "127.0.0.1", {"Host": "reconnect.example.org"}, 404),
        ("", "127.0.0.1", {"Host": "localhost:8000"}, 200),
        ("", "127.0.0.1", {"Host": "[::1]:8000"}, 200),
        ("", "127.0.0.1", {"Host": "["}, 404),
        ("secret", "127.0.0.1", {}, 404),
        ("secret", "192.0.2.7", {"Authorization": "Bearer secret"}, 200),
        ("secret", "192.0.2.7", {"Authorization": "Bearer other"}, 404),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_numbers_are_for_the_operator(
    house: House, token: str, peer: str, headers: dict[str, str], status: int
) -> None:
    settings = house.site.settings.model_copy(update={"metrics_token": token})
    client = served(app.web(replace(house.site, settings=settings)), house, peer)
    assert client.get("/metrics", headers=headers).status_code == status
