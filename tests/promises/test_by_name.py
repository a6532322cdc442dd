"""Attacks that have a name, each tried once."""

from __future__ import annotations

import pytest

from tests.browsing import Browser
from tests.house import House


def test_a_planted_session_is_not_the_one_that_is_signed_in(shared_house: House) -> None:
    """Mallory gives somebody her cookie, or one she made up; after they sign in it opens nothing of theirs."""
    for planted in ("made-up" * 6, "A" * 43):
        victim, mallory = shared_house.new_browser(), shared_house.new_browser()
        victim.cookies = {"session": planted}
        victim.sign_in("bird", "newcomer")
        assert victim.api("GET", "/me").status == 200
        assert victim.cookies["session"] != planted
        mallory.cookies = {"session": planted}
        assert mallory.api("GET", "/me").status == 401


def test_fields_that_nobody_asked_for_change_nothing(
    shared_house: House, shared_member: Browser
) -> None:
    me = shared_member.api("GET", "/me").json()
    extra = {
        "user_id": "1",
        "id": 1,
        "is_admin": True,
        "proof": "proved",
        "seen_at": 0,
        "pace": "x",
    }
    sent = shared_member.api("PUT", "/consents", {"found": "nobody", **extra})
    assert sent.status < 500
    page = {"found": "nobody", "standing": "off", **{name: str(one) for name, one in extra.items()}}
    assert shared_member.post("/settings", page).status < 500
    after = shared_member.api("GET", "/me").json()
    assert (after["user_id"], after["accounts"]) == (me["user_id"], me["accounts"])


def test_who_is_here_cannot_be_counted_or_guessed(
    shared_house: House, shared_member: Browser
) -> None:
    """Ids of people and accounts are no numbers, and one that is nobody's gets the answer of one that is another's."""
    other = shared_house.new_browser()
    other.sign_in("herd", next(iter(_handles(shared_house))))
    theirs = other.api("GET", "/me").json()["accounts"][0]["id"]
    mine = shared_member.api("GET", "/me").json()["accounts"][0]["id"]
    assert not theirs.isdecimal()
    assert sum(one == another for one, another in zip(mine, theirs, strict=True)) < len(mine) // 2
    answers = [
        shared_member.api("DELETE", f"/accounts/{shown}")
        for shown in (theirs, "a" * len(theirs), "1")
    ]
    assert {(one.status, one.json()["code"]) for one in answers} == {(404, "svc.not_found")}


def _handles(shared_house: House) -> list[str]:
    people = shared_house.new_browser().get("/_simulated/herd/people?limit=50").json()["people"]
    return [
        one["handle"] for one in people if not (one["gone"] or one["moved_to"] or one["locked"])
    ]


@pytest.mark.parametrize("network", ["bird", "herd", "sky"])
def test_every_page_is_there_for_who_has_one_network_only(
    shared_house: House, network: str
) -> None:
    browser = shared_house.new_browser()
    browser.sign_in(network, shared_house.handles(0)[network])
    for path in ("/matches", "/reconnect", "/archive", "/my-data", "/settings", "/accounts"):
        assert browser.get(path).status == 200, path
