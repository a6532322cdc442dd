"""Signing out, here and everywhere, and unlinking accounts."""

from __future__ import annotations

from openportability.accounts.session_store import UNUSED
from tests.accounts.shown import account_of, handles_of, me
from tests.browsing import Browser
from tests.house import ON_SQLITE, House

pytestmark = ON_SQLITE

# --- signing out ----------------------------------------------------------------------------------


def test_signing_out_ends_this_session_only(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    elsewhere = house.new_browser()
    for one in (browser, elsewhere):
        one.sign_in("bird", nora["bird"])
    session = browser.cookies["session"]
    assert browser.press("Sign out").path == "/"
    assert set(browser.cookies) & {"session", "sign-in"} == set()
    browser.cookies["session"] = session
    assert browser.api("GET", "/me").status == 401
    assert elsewhere.api("GET", "/me").status == 200


def test_signing_out_twice_is_no_error(browser: Browser) -> None:
    assert browser.post("/sign-out").path == "/"


def test_signing_out_everywhere_ends_browsers_and_programs(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    elsewhere = house.new_browser()
    for one in (browser, elsewhere):
        one.sign_in("bird", nora["bird"])
    browser.post("/settings/tokens", {"name": "tool"})
    browser.get("/accounts")
    browser.press("Sign out everywhere")
    for one in (browser, elsewhere):
        assert one.api("GET", "/me").status == 401


def test_one_place_can_be_signed_out_from_another(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    lost = house.new_browser()
    lost.headers = {"User-Agent": "Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Safari/537.36"}
    lost.sign_in("bird", nora["bird"])
    browser.sign_in("bird", nora["bird"])
    listed = browser.get("/accounts")
    assert "Chrome, Android" in listed.words
    assert "Signed out there." in browser.press("Sign out there").words
    assert lost.api("GET", "/me").status == 401
    assert browser.api("GET", "/me").status == 200


def test_nobody_ends_a_session_of_somebody_else(
    house: House, browser: Browser, nora: dict[str, str], elif_: dict[str, str]
) -> None:
    other = house.new_browser()
    other.sign_in("bird", elif_["bird"])
    second = house.new_browser()
    second.sign_in("bird", elif_["bird"])
    other.get("/accounts")
    form, _, _ = other.find("Sign out there")
    browser.sign_in("bird", nora["bird"])
    browser.post(form.action)
    assert second.api("GET", "/me").status == 200
    assert browser.post("/sessions/1/end").status == 404


def test_a_session_that_nobody_uses_ends(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    for _ in range(3):
        house.clock.forward(days=20)
        assert browser.api("GET", "/me").status == 200
    house.clock.forward(seconds=UNUSED.total_seconds() + 1)
    assert browser.api("GET", "/me").status == 401
    assert "Please sign in" in browser.get("/accounts").words


# --- unlinking ------------------------------------------------------------------------------------


def test_unlinking_gives_back_the_right_at_the_network(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    browser.sign_in("herd", nora["herd"])
    account = account_of(browser, "herd")["id"]
    browser.get("/accounts")
    done = browser.press("Yes, unlink this account", at=str(account))
    assert f"{nora['herd']} is no longer linked." in done.words
    assert handles_of(browser) == {nora["bird"]}
    house.turn()
    assert not house.lives("herd", nora["herd"])


def test_who_unlinked_an_account_may_link_it_again(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    browser.sign_in("herd", nora["herd"])
    assert browser.api("DELETE", f"/accounts/{account_of(browser, 'herd')['id']}").status == 204
    browser.sign_in("herd", nora["herd"])
    assert handles_of(browser) == {nora["bird"], nora["herd"]}


def test_the_last_account_is_not_unlinked(browser: Browser, nora: dict[str, str]) -> None:
    browser.sign_in("bird", nora["bird"])
    account = account_of(browser, "bird")["id"]
    assert "Unlink" not in browser.get("/accounts").words
    refused = browser.api("DELETE", f"/accounts/{account}")
    assert (refused.status, refused.json()["code"]) == (409, "auth.last_account")
    assert browser.post(f"/accounts/{account}/unlink").status == 409
    assert handles_of(browser) == {nora["bird"]}


def test_an_account_of_somebody_else_is_not_there(
    house: House, browser: Browser, nora: dict[str, str], elif_: dict[str, str]
) -> None:
    other = house.new_browser()
    for network in ("bird", "sky"):
        other.sign_in(network, elif_[network])
    browser.sign_in("bird", nora["bird"])
    theirs = account_of(other, "bird")["id"]
    for path in (f"/accounts/{theirs}", "/accounts/invented", "/accounts/1"):
        assert browser.api("DELETE", path).status == 404
    assert browser.api("DELETE", f"/accounts/{me(other)['user_id']}").status == 404
    assert len(handles_of(other)) == 2
