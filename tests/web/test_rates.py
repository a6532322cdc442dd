"""Who is too quick is told when to come back; others are not touched by it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient

from openportability import app
from openportability.clock import EPOCH, MovedClock
from openportability.db.engine import Database
from openportability.db.site_schema import tallies
from openportability.errors import Busy
from openportability.settings import BadSetting, Settings
from openportability.vault import Keyring, Vault
from openportability.web import rates, store
from openportability.web.addresses import visitor_address
from openportability.web.rates import CHANGE, LOOK, PLAN, SIGN_IN, TAKE_OUT, UPLOAD, Rate, Rates
from openportability.web.threads import waiting_for_others
from tests.house import House, opened
from tests.promises.routes import all_routes
from tests.web.conftest import HOME

TWO = Rate(name="two", seconds=60, account=2, address=2)


@pytest.fixture
def clock(clock: MovedClock) -> MovedClock:
    """Time at the beginning of a window of any rate: no test may last into the next one."""
    clock.forward(seconds=3600 - (clock.now() - EPOCH).total_seconds() % 3600)
    return clock


def asked_by(peer: str, *forwarded: str) -> HTTPConnection:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return HTTPConnection({"type": "http", "client": (peer, 1), "headers": headers})


def address(peer: str, *forwarded: str, trusted: str = "") -> str | None:
    settings = Settings.read({"OPENPORTABILITY_TRUSTED_PROXIES": trusted})
    return visitor_address(asked_by(peer, *forwarded), settings.trusted_proxies)


def test_a_header_is_believed_from_a_named_proxy_only() -> None:
    assert address("192.0.2.1", "203.0.113.9") == "192.0.2.1"
    assert address("127.0.0.1", "203.0.113.9") is None
    assert address("127.0.0.1", "203.0.113.9", trusted="127.0.0.1") == "203.0.113.9"
    # What a visitor wrote stands before what our proxies added.
    assert address("10.1.2.3", "6.6.6.6, 203.0.113.9", trusted="10.0.0.0/8") == "203.0.113.9"
    assert address("10.1.2.3", "6.6.6.6", "203.0.113.9, 10.9.9.9", trusted="10.0.0.0/8") == (
        "203.0.113.9"
    )
    assert address("10.1.2.3", "garbage", trusted="10.0.0.0/8") == "10.1.2.3"


def test_an_ipv6_household_is_one() -> None:
    assert address("2001:db8:1:2::aaaa") == address("2001:db8:1:2:ffff::1")
    assert address("2001:db8:1:2::aaaa") != address("2001:db8:1:3::aaaa")
    assert address("::ffff:192.0.2.1") == "192.0.2.1"


def test_a_proxy_that_is_no_address_stops_the_start() -> None:
    with pytest.raises(BadSetting, match="TRUSTED_PROXIES"):
        Settings.read({"OPENPORTABILITY_TRUSTED_PROXIES": "proxy.example"})


@pytest.mark.parametrize(
    ("method", "path", "rate"),
    [
        ("POST", "/auth/herd/start", SIGN_IN),
        ("GET", "/auth/herd/callback/place", SIGN_IN),
        ("POST", "/api/v1/archives", UPLOAD),
        ("POST", "/api/v1/plans", PLAN),
        ("GET", "/api/v1/export", TAKE_OUT),
        ("PUT", "/api/v1/consents", CHANGE),
        ("GET", "/matches", LOOK),
        ("GET", "/static/abc/css/base.css", None),
        ("GET", "/healthz", None),
    ],
)
def test_each_kind_of_request_has_its_rate(method: str, path: str, rate: Rate | None) -> None:
    assert rates.rate_of(method, path) is rate


def test_there_is_no_way_round_the_counts(house: House) -> None:
    """Whatever answers is counted but files, signs of life and numbers; and no setting changes that."""
    uncounted = {
        one.path
        for one in all_routes(app.web(house.site))
        if rates.rate_of(one.method, one.path) is None
    }
    assert uncounted == {"/healthz", "/readyz", "/metrics", "/static/{digest}/{path:path}"}
    for rate in (SIGN_IN, UPLOAD, PLAN, TAKE_OUT, CHANGE, LOOK):
        assert 0 < rate.account <= rate.address
        assert rate.shared or rate is LOOK
    assert not [name for name in Settings.model_fields if "rate" in name or "limit" in name]


def test_processes_share_one_count(db: Database, clock: MovedClock) -> None:
    vault = Vault(Keyring.fresh())
    one, other = Rates(vault, db), Rates(vault, db)
    one.admit(TWO, "alice", 2, "svc.too_many", clock.now())
    other.admit(TWO, "alice", 2, "svc.too_many", clock.now())
    with pytest.raises(Busy) as refused:
        one.admit(TWO, "alice", 2, "svc.too_many", clock.now())
    assert clock.now() < refused.value.until
    one.admit(TWO, "bob", 2, "svc.too_many", clock.now())
    clock.forward(seconds=60)
    one.admit(TWO, "alice", 2, "svc.too_many", clock.now())
    with db.write() as tx:
        store.forget_past(tx, clock.now())
        assert tx.execute(select(func.count()).select_from(tallies)).scalar_one() == 1


def test_a_flood_that_one_process_refuses_does_not_reach_the_database(
    db: Database, clock: MovedClock
) -> None:
    one = Rates(Vault(Keyring.fresh()), db)
    for _ in range(9):
        try:
            one.admit(TWO, "mallory", 2, "svc.too_many", clock.now())
        except Busy:
            continue
    with db.read() as tx:
        assert tx.execute(select(tallies.c.n)).scalar_one() == 2
        assert b"mallory" not in tx.execute(select(tallies.c.key)).scalar_one()


def test_who_was_quick_is_told_when_to_come_back(
    tmp_path: Path, migrated_sqlite: Path, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "LOOK", Rate(name="l", seconds=300, account=3, address=6))
    monkeypatch.setattr(rates, "CHANGE", Rate(name="c", seconds=300, account=99, address=99))
    url = f"sqlite:///{tmp_path / 'site.db'}"
    with opened(tmp_path / "site", url, clock, TRUSTED_PROXIES="127.0.0.1") as house:
        alice, bob = house.new_browser(), house.new_browser()
        alice.sign_in("bird", "newcomer")
        bob.headers = bob.headers | {"X-Forwarded-For": "203.0.113.9"}
        seen = [alice.ask("GET", "/accounts") for _ in range(4)]
        assert [answer.status for answer in seen].count(429) >= 1
        refused = seen[-1]
        assert "That was very quick" in refused.words
        assert 0 < int(refused.headers["Retry-After"]) <= 300
        # Through the API the same is a problem, and another address and account go on.
        problem = alice.api("GET", "/me")
        assert (problem.status, problem.json()["code"]) == (429, "svc.too_many")
        assert problem.headers["Content-Type"] == "application/problem+json"
        assert bob.ask("GET", "/about").status == 200
        crowd = [bob.api("GET", "/networks") for _ in range(7)][-1]
        assert (crowd.status, crowd.json()["code"]) == (429, "svc.crowded")
        assert house.new_browser().ask("GET", "/about").status == 200
        clock.forward(minutes=5)
        assert alice.ask("GET", "/accounts").status == 200


def test_who_waits_for_other_servers_does_not_hold_the_pages(
    make_app: Callable[[str], FastAPI],
) -> None:
    app = make_app(HOME)
    slow = threading.Event()

    @app.get("/slow")
    @waiting_for_others
    def wait() -> Response:
        assert slow.wait(30)
        return PlainTextResponse("at last")

    with TestClient(app, base_url=HOME) as client:
        threads = app.state.site.settings.web_threads
        waiting = [threading.Thread(target=client.get, args=("/slow",)) for _ in range(threads * 2)]
        for one in waiting:
            one.start()
        assert client.get("/about").status_code == 200
        slow.set()
        for one in waiting:
            one.join(30)


@pytest.mark.parametrize(
    "path", ["/archive", "/archive/from/7", "/archive/from/7/files", "/api/v1/imports/herd"]
)
def test_every_way_to_bring_lists_is_counted_as_one(path: str) -> None:
    assert rates.rate_of("POST", path) is UPLOAD
