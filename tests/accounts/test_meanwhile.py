"""What changed in a browser between leaving for a network and coming back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from openportability.domain import NetworkName
from openportability.network import Proved, SignIn
from tests.accounts.shown import handles_of
from tests.browsing import Browser
from tests.house import House


def signed_out_elsewhere(house: House, who: str) -> None:
    phone = house.new_browser()
    phone.sign_in("bird", who)
    phone.post("/sign-out-everywhere")


def test_who_was_signed_out_meanwhile_gets_no_second_membership(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    page = browser.leave_for("herd", nora["herd"])
    signed_out_elsewhere(house, nora["bird"])
    browser.turn_to(page)
    refused = browser.allow(nora["herd"])
    assert refused.status == 409
    assert "You were signed out before this was done" in refused.words
    assert browser.api("GET", "/me").status == 401
    house.turn()
    assert not house.lives("herd", nora["herd"])
    # What the words say works: sign in, then link.
    browser.sign_in("bird", nora["bird"])
    browser.sign_in("herd", nora["herd"])
    assert handles_of(browser) == {nora["bird"], nora["herd"]}


def test_who_is_signed_out_while_the_network_answers_stays_signed_out(
    house: House, browser: Browser, nora: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.sign_in("bird", nora["bird"])
    page = browser.leave_for("herd", nora["herd"])
    herd: Any = type(house.site.networks[NetworkName("herd")].sign_in)
    answered = herd.finish

    def finish(self: SignIn, *, secret: Mapping[str, str], answer: Mapping[str, str]) -> Proved:
        proved: Proved = answered(self, secret=secret, answer=answer)
        monkeypatch.undo()
        signed_out_elsewhere(house, nora["bird"])
        return proved

    monkeypatch.setattr(herd, "finish", finish)
    browser.turn_to(page)
    assert browser.allow(nora["herd"]).status == 409
    assert browser.api("GET", "/me").status == 401


def test_who_was_signed_out_meanwhile_is_signed_in_by_an_account_of_theirs(
    house: House, browser: Browser, nora: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    browser.sign_in("herd", nora["herd"])
    page = browser.leave_for("herd", nora["herd"], next="/reconnect")
    signed_out_elsewhere(house, nora["bird"])
    browser.turn_to(page)
    assert browser.allow(nora["herd"]).path == "/reconnect"
    assert handles_of(browser) == {nora["bird"], nora["herd"]}


def test_who_signed_out_in_this_browser_ended_what_was_under_way(
    browser: Browser, nora: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    page = browser.leave_for("herd", nora["herd"])
    browser.post("/sign-out")
    browser.turn_to(page)
    assert browser.allow(nora["herd"]).status == 400
    assert "session" not in browser.cookies


def test_what_a_visitor_began_is_not_linked_to_who_signed_in_meanwhile(
    browser: Browser, nora: dict[str, str], elif_: dict[str, str], house: House
) -> None:
    page = browser.leave_for("herd", elif_["herd"])
    browser.sign_in("bird", nora["bird"])
    browser.turn_to(page)
    refused = browser.allow(elif_["herd"])
    assert refused.status == 409
    assert "Somebody signed in here in the meantime" in refused.words
    assert handles_of(browser) == {nora["bird"]}
    house.turn()
    assert not house.lives("herd", elif_["herd"])


def test_two_tabs_with_the_same_account_end_well(browser: Browser, nora: dict[str, str]) -> None:
    page = browser.leave_for("bird")
    browser.sign_in("bird", nora["bird"])
    browser.turn_to(page)
    assert browser.allow(nora["bird"]).status == 200
    assert handles_of(browser) == {nora["bird"]}


def test_two_tabs_may_link_two_accounts(browser: Browser, nora: dict[str, str]) -> None:
    browser.sign_in("bird", nora["bird"])
    herd = browser.leave_for("herd", nora["herd"])
    sky = browser.leave_for("sky", nora["sky"])
    for page, who in ((herd, nora["herd"]), (sky, nora["sky"])):
        browser.turn_to(page)
        assert browser.allow(who).status == 200
    assert handles_of(browser) == set(nora.values())


def test_what_one_member_began_is_not_linked_to_another(
    browser: Browser, nora: dict[str, str], elif_: dict[str, str]
) -> None:
    browser.sign_in("bird", nora["bird"])
    page = browser.leave_for("herd", nora["herd"])
    kept = browser.cookies["sign-in"]
    browser.post("/sign-out")
    browser.cookies["sign-in"] = kept
    browser.sign_in("bird", elif_["bird"])
    browser.turn_to(page)
    assert browser.allow(nora["herd"]).status == 409
    assert handles_of(browser) == {elif_["bird"]}
