"""Tokens for programs: made on a page, shown once, listed, ended."""

from __future__ import annotations

import re

import pytest

from openportability.accounts import rules
from openportability.accounts.session_store import UNUSED
from tests.browsing import Browser
from tests.house import ON_SQLITE, House

pytestmark = ON_SQLITE


@pytest.fixture
def browser(house: House) -> Browser:
    made = house.new_browser()
    made.sign_in("bird", "newcomer")
    return made


@pytest.fixture
def program(house: House) -> Browser:
    """Something that has no cookies."""
    return house.new_browser()


def make(browser: Browser, name: str = "my tool") -> str:
    browser.get("/settings")
    assert 'href="/settings/tokens"' in browser.page.text
    browser.get("/settings/tokens")
    browser.press("Make a token", name=name)
    found = re.search(r'<code id="token">(.+?)</code>', browser.page.text)
    assert found
    return found[1]


def test_a_program_may_do_by_token_what_its_maker_can(browser: Browser, program: Browser) -> None:
    token = make(browser)
    assert program.api("GET", "/me").status == 401
    told = program.api("GET", "/me", token=token)
    assert told.status == 200
    assert told.json() == browser.api("GET", "/me").json()
    assert program.api("PUT", "/standing", {"mode": "ask"}, token=token).status == 200
    assert browser.api("GET", "/consents").json()["standing"]["value"] == "ask"


def test_a_token_that_is_found_takes_nothing_out_and_ends_nothing(
    house: House, browser: Browser, program: Browser
) -> None:
    token = make(browser)
    account = browser.api("GET", "/me").json()["accounts"][0]["id"]
    house.clock.forward(minutes=61)
    for verb, path in (("GET", "/export"), ("DELETE", f"/accounts/{account}"), ("DELETE", "/me")):
        refused = program.api(verb, path, token=token)
        assert (refused.status, refused.json()["code"]) == (403, "auth.not_present"), path
    assert program.api("GET", "/me", token=token).status == 200
    # In the browser where the person sits it is as it was; and soon after a sign-in the program may.
    assert browser.api("GET", "/export").status == 200
    house.new_browser().sign_in("bird", "newcomer")
    assert program.api("GET", "/export", token=token).status == 200
    assert program.api("DELETE", "/me", token=token).status == 200
    assert program.api("GET", "/me", token=token).status == 401


def test_a_token_that_is_found_shows_nobody_and_brings_no_past(
    house: House, browser: Browser, program: Browser
) -> None:
    token = make(browser)
    form = {
        "Content-Type": "multipart/form-data; boundary=edge",
        "Authorization": f"Bearer {token}",
    }
    body = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="o"\r\n\r\n{}\r\n--edge--\r\n'
    house.clock.forward(minutes=61)
    refused = [
        program.ask("POST", "/api/v1/imports/openportability", body=body, headers=form),
        program.api("PUT", "/consents", {"found": "anyone"}, token=token),
        program.api("PUT", "/consents", {"found": "confirmed"}, token=token),
    ]
    assert {(one.status, one.json()["code"]) for one in refused} == {(403, "auth.not_present")}
    # To hide takes nothing that the person cannot give again.
    assert program.api("PUT", "/consents", {"found": "nobody"}, token=token).status == 200
    house.new_browser().sign_in("bird", "newcomer")
    assert program.api("PUT", "/consents", {"found": "anyone"}, token=token).status == 200
    tried = program.ask("POST", "/api/v1/imports/openportability", body=body, headers=form)
    assert tried.json()["code"] != "auth.not_present"


def test_a_sign_in_while_the_clock_was_ahead_lets_a_token_do_no_more(
    house: House, browser: Browser, program: Browser
) -> None:
    token = make(browser)
    house.clock.jump(days=20)
    house.new_browser().sign_in("bird", "newcomer")
    house.clock.jump(days=-20)
    house.clock.forward(minutes=61)
    assert program.api("GET", "/export", token=token).json()["code"] == "auth.not_present"


def test_a_token_is_shown_once(browser: Browser) -> None:
    token = make(browser)
    listed = browser.get("/settings/tokens")
    assert "my tool" in listed.words
    assert token not in listed.text
    assert token not in browser.get("/accounts").text


def test_a_token_that_was_ended_opens_nothing(browser: Browser, program: Browser) -> None:
    first, second = make(browser, "first"), make(browser, "second")
    browser.get("/settings/tokens")
    # The one used last comes first.
    assert "no longer works" in browser.press("End it").words
    assert program.api("GET", "/me", token=second).status == 401
    assert program.api("GET", "/me", token=first).status == 200


def test_a_token_ends_when_nobody_used_it_for_thirty_days(
    house: House, browser: Browser, program: Browser
) -> None:
    token = make(browser)
    house.clock.forward(seconds=UNUSED.total_seconds() + 1)
    assert program.api("GET", "/me", token=token).status == 401


def test_a_token_opens_no_page_and_makes_no_token(browser: Browser, program: Browser) -> None:
    token = make(browser)
    bearer = {"Authorization": f"Bearer {token}"}
    for path in ("/accounts", "/settings", "/settings/tokens"):
        assert program.ask("GET", path, headers=bearer).status == 401
    assert program.ask("POST", "/settings/tokens", headers=bearer).status == 401
    assert program.ask("POST", "/sign-out-everywhere", headers=bearer).status == 401
    program.cookies["session"] = token
    assert program.api("GET", "/me").status == 401


def test_the_cookie_of_a_browser_is_no_token(browser: Browser, program: Browser) -> None:
    session = browser.cookies["session"]
    assert program.api("GET", "/me", token=session).status == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer wrong"])
def test_who_shows_a_wrong_token_is_not_taken_for_the_browsers_user(
    browser: Browser, header: str
) -> None:
    answer = browser.ask("GET", "/api/v1/me", headers={"Authorization": header})
    assert answer.status == 401
    assert answer.json()["code"] == "svc.signed_out"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_survives_a_new_sign_in_and_ends_with_the_account_of_nobody_else(
    house: House, browser: Browser, program: Browser
) -> None:
    token = make(browser)
    browser.post("/sign-out")
    assert program.api("GET", "/me", token=token).status == 200
    other = house.new_browser()
    other.sign_in("bird", house.handles(3)["bird"])
    other.post("/sign-out-everywhere")
    assert program.api("GET", "/me", token=token).status == 200


def test_there_is_an_end_to_tokens(browser: Browser) -> None:
    for _ in range(rules.MOST_TOKENS):
        assert browser.post("/settings/tokens", {"name": ""}).status == 200
    refused = browser.post("/settings/tokens", {"name": ""})
    assert refused.status == 409
    assert "You have 20 tokens already" in refused.words


def test_what_a_token_is_called_is_shown_as_written(browser: Browser) -> None:
    make(browser, "<b>x</b>")
    assert "&lt;b&gt;x&lt;/b&gt;" in browser.get("/settings/tokens").text
