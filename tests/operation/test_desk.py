"""The operator's page: opened by its key alone, it counts, pauses and tries again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from openportability.domain import NetworkName
from openportability.operator import desk as desks
from openportability.reconnection import host_store
from tests.house import House
from tests.journeys.neighbourhood import NEW, Neighbourhood
from tests.journeys.steps import ledger

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def place(house: House) -> Neighbourhood:
    return Neighbourhood(house)


@pytest.fixture
def desk(house: House) -> desks.Desk:
    return desks.make(house.site, 8010)


@pytest.fixture
def client(desk: desks.Desk) -> Iterator[TestClient]:
    """A browser at the machine itself, whose operator opened the address that the command shows."""
    with TestClient(desk.app, base_url="http://127.0.0.1:8010", headers=SAME_SITE) as made:
        assert (
            made.get(urlsplit(desk.url)._replace(scheme="", netloc="").geturl()).status_code == 200
        )
        yield made


def test_without_the_key_there_is_nothing(desk: desks.Desk) -> None:
    stranger = TestClient(desk.app, base_url="http://127.0.0.1:8010", headers=SAME_SITE)
    for way in ("/desk", "/", "/?key=", "/?key=made-up"):
        assert stranger.get(way).status_code == 404, way
    for path in ("/pause", "/again"):
        assert stranger.post(path, data={"network": NEW}).status_code == 404, path


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Sec-Fetch-Site": "cross-site"}, 403), ({"Host": "evil.example"}, 421)],
)
def test_another_site_cannot_use_the_open_page(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    assert client.post("/pause", data={"network": NEW}, headers=headers).status_code == status
    assert "all servers" not in client.get("/desk").text


def test_a_network_is_paused_and_goes_on(
    house: House, place: Neighbourhood, client: TestClient
) -> None:
    alice, bob = place.circle(1)
    plan = place.plan(alice)
    place.allow(alice, plan)
    shown = client.post("/pause", data={"network": NEW, "hours": "5"})
    assert (shown.status_code, "Nobody is followed there" in shown.text) == (200, True)
    place.start(alice, plan)
    place.later(minutes=60)
    assert set(ledger(alice.browser).values()) == {"ready"}
    assert "all servers" in client.get("/desk").text
    client.post("/pause", data={"network": NEW, "hours": "0"})
    place.later(minutes=10)
    assert set(ledger(alice.browser).values()) == {"followed"}
    seen = client.get("/desk").text
    assert f"desk: pause {NEW} for 5 h" in seen
    assert re.search(r">follow · followed</td>", seen)
    for name in (alice.old_handle, alice.new_handle, bob.new_handle, alice.new_id):
        assert name not in seen


def test_what_waits_is_tried_again_at_once(house: House, client: TestClient) -> None:
    name, now = NetworkName(NEW), house.clock.now()
    with house.site.db.write() as tx:
        for failures in range(5):
            host_store.failed(tx, name, "failing.example", failures, now)
        host_store.rest(tx, name, "asked.example", now.replace(year=now.year + 1))
    assert "failing.example" in client.get("/desk").text
    assert "tried again now" in client.post("/again").text
    seen = client.get("/desk").text
    assert ("failing.example" in seen, "asked.example" in seen) == (False, True)


@pytest.mark.parametrize(
    "asked", [{"hours": "-1"}, {"hours": "9999"}, {"hours": "nan"}, {"network": "nowhere"}]
)
def test_a_pause_that_is_none_is_refused(client: TestClient, asked: dict[str, str]) -> None:
    assert client.post("/pause", data={"network": NEW, **asked}).status_code == 400
    assert "all servers" not in client.get("/desk").text
