"""What a sign-in leaves behind: nothing in the logs, and cookies that nobody else reads."""

from __future__ import annotations

import logging
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from openportability import app
from openportability.networks.fake.reply import Fault
from openportability.settings import Settings
from tests.house import ON_SQLITE, House

pytestmark = ON_SQLITE

HTTPS = "https://op.example"


def test_the_logs_of_a_sign_in_hold_no_name_token_or_code(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    handles = house.handles(0)
    browser = house.new_browser()
    secrets = {*handles.values()}
    for network, handle in handles.items():
        browser.leave_for(network, handle)
        back = browser.way_back(handle)
        query = parse_qs(urlsplit(back).query)
        secrets |= {query["code"][0], query["state"][0]}
        browser.get(back)
        secrets |= set(browser.cookies.values())
        browser.get(back)
    token = browser.post("/settings/tokens", {"name": "tool"}).text
    secrets.add(token.partition('<code id="token">')[2].partition("<")[0])
    browser.leave_for("herd", "nowhere.example")
    browser.leave_for("herd", handles["herd"])
    house.world.fail_next("herd", "token", Fault.GARBAGE)
    browser.allow(handles["herd"])
    browser.post("/sign-out-everywhere")
    house.turn()
    logged = "\n".join(_whole(record) for record in caplog.records if not _is_of_a_test(record))
    assert "" not in secrets
    assert [secret for secret in secrets if secret in logged] == []


def _is_of_a_test(record: logging.LogRecord) -> bool:
    return record.name.startswith(("tests", "asyncio"))


def _whole(record: logging.LogRecord) -> str:
    """Everything a formatter might print."""
    return f"{record.getMessage()} {record.__dict__}"


def test_on_https_no_subdomain_script_or_other_site_gets_at_the_cookies(house: House) -> None:
    settings = Settings.read(
        {"OPENPORTABILITY_BASE_URL": HTTPS, "OPENPORTABILITY_MASTER_KEY": "unused"}
    )
    site = replace(house.site, settings=settings)
    with TestClient(app.web(site), base_url=HTTPS, follow_redirects=False) as browser:
        begun = browser.post("/auth/bird/start")
        _is_kept_safe(begun.headers["set-cookie"], "__Host-sign-in")
        query = {name: one for name, (one,) in _query(begun.headers["location"]).items()}
        assert query["redirect_uri"] == f"{HTTPS}/auth/bird/callback"
        code = _code(house, query)
        done = browser.get("/auth/bird/callback", params={"state": query["state"], "code": code})
        assert done.headers["location"] == "/welcome"
        _is_kept_safe(done.headers["set-cookie"], "__Host-session")
        assert browser.get("/accounts").status_code == 200


def _query(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


def _is_kept_safe(header: str, name: str) -> None:
    assert header.startswith(f"{name}=")
    attributes = {one.strip().lower() for one in header.split(";")[1:]}
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
    assert not any(one.startswith("domain") for one in attributes)


def _code(house: House, query: dict[str, str]) -> str:
    """Say *Allow* where the simulated network's page cannot be shown."""
    told = house.ask_world(
        "bird",
        "grant_code",
        who="newcomer",
        redirect_uri=query["redirect_uri"],
        challenge=query["challenge"],
    )
    return str(told["code"])


def test_pages_of_members_are_kept_by_no_cache(house: House) -> None:
    browser = house.new_browser()
    browser.sign_in("bird", "newcomer")
    for path in ("/accounts", "/settings", "/settings/tokens", "/welcome"):
        assert browser.get(path).headers["cache-control"] == "no-store"
