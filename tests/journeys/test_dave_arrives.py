"""Dave comes after Alice brought her lists: what happens is what she chose."""

from __future__ import annotations

import re

import pytest

from tests.house import House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.journeys.steps import form_to, ledger, matched, read_all, submit


@pytest.fixture
def place(house: House) -> Neighbourhood:
    return Neighbourhood(house)


def before_dave(place: Neighbourhood, standing: str) -> tuple[Neighbour, Neighbour, Neighbour]:
    """Return Alice, who followed Bob and Dave and found Bob again, Bob, and Dave, who is not here."""
    alice, bob, dave = (place.somebody() for _ in range(3))
    place.join(bob)
    place.join(alice, standing=standing)
    place.bring(alice, following=[bob, dave])
    place.reconnect(alice)
    assert place.follows(alice) == {bob.new_id: 1}
    return alice, bob, dave


def test_who_chose_automatic_follows_him_within_a_minute(place: Neighbourhood) -> None:
    alice, bob, dave = before_dave(place, "automatic")
    place.join(dave)
    place.later(minutes=1)
    assert place.follows(alice) == {bob.new_id: 1, dave.new_id: 1}
    place.later(minutes=60)
    assert place.follows(alice) == {bob.new_id: 1, dave.new_id: 1}


def test_who_chose_to_be_asked_follows_him_after_saying_yes(place: Neighbourhood) -> None:
    alice, bob, dave = before_dave(place, "ask")
    place.join(dave)
    place.later(minutes=1)
    assert place.follows(alice) == {bob.new_id: 1}
    assert ledger(alice.browser)[dave.place] == "proposed"
    # Nothing of him is on its way before she said so.
    totals = alice.browser.api("GET", "/matches").json()["totals"]
    assert (totals["new"], totals["pending"]) == (1, 0)
    assert "1 person who arrived waits for your word." in alice.browser.get("/").words
    alice.browser.get("/reconnect")
    submit(alice.browser, "/reconnect/accept")
    place.later(minutes=1)
    assert place.follows(alice) == {bob.new_id: 1, dave.new_id: 1}


def test_who_is_asked_reads_whom_it_is_about(place: Neighbourhood) -> None:
    alice = place.somebody()
    old = [place.somebody() for _ in range(5)]
    place.join(alice, standing="ask")
    place.bring(alice, following=old)
    for one in old[:2]:
        place.join(one)
    place.later()
    few = alice.browser.get("/reconnect")
    assert "Look at them" in few.words
    for one in old[2:]:
        place.join(one)
    place.later()
    many = alice.browser.get("/reconnect")
    assert "5 people wait for your word." in many.words
    assert "and 2 more" in many.words
    named = re.findall(r"<bdi>([^<]+)</bdi> · ", many.text)
    everyone = alice.browser.get("/reconnect/ledger?group=proposed").words
    assert len(named) == 3
    assert all(name in everyone for name in named)


def test_who_chose_to_be_asked_can_say_no(place: Neighbourhood) -> None:
    alice, bob, dave = before_dave(place, "ask")
    place.join(dave)
    place.later(minutes=1)
    alice.browser.get("/reconnect")
    yes = form_to(alice.browser, "/reconnect/accept")
    said = alice.browser.post("/reconnect/refuse", yes.fields)
    assert "1 person is not followed, and you are not asked about them again." in said.words
    assert "waits for your word" not in said.words
    place.later(minutes=60)
    assert place.follows(alice) == {bob.new_id: 1}
    assert ledger(alice.browser)[dave.place] == "cancelled"


def test_who_chooses_otherwise_before_he_is_followed_does_not_follow_him(
    place: Neighbourhood,
) -> None:
    alice, bob, dave = before_dave(place, "automatic")
    alice.browser.api("POST", "/reconnection/pause")
    place.join(dave)
    place.later(minutes=1)
    assert ledger(alice.browser)[dave.place] == "ready"
    alice.browser.api("PUT", "/standing", {"mode": "off"})
    assert ledger(alice.browser)[dave.place] == "cancelled"
    alice.browser.api("POST", "/reconnection/resume")
    place.later(minutes=60)
    assert place.follows(alice) == {bob.new_id: 1}


@pytest.mark.parametrize("again", ["ask", "automatic"])
def test_who_chooses_nothing_is_asked_no_more_until_she_chooses_otherwise(
    place: Neighbourhood, again: str
) -> None:
    alice, bob, dave = before_dave(place, "ask")
    place.join(dave)
    place.later(minutes=1)
    assert "waits for your word" in alice.browser.get("/reconnect").words
    alice.browser.api("PUT", "/standing", {"mode": "off"})
    assert "waits for your word" not in alice.browser.get("/reconnect").words
    place.later(minutes=60)
    assert ledger(alice.browser)[dave.place] == "cancelled"
    assert place.follows(alice) == {bob.new_id: 1}

    alice.browser.api("PUT", "/standing", {"mode": again})
    waits = "waits for your word" in alice.browser.get("/reconnect").words
    assert waits is (again == "ask")
    if waits:
        submit(alice.browser, "/reconnect/accept")
    place.later(minutes=1)
    assert place.follows(alice) == {bob.new_id: 1, dave.new_id: 1}


def test_whom_she_sets_aside_before_she_says_yes_is_not_followed(place: Neighbourhood) -> None:
    alice, bob, dave = before_dave(place, "ask")
    place.join(dave)
    place.later(minutes=1)
    (his,) = [
        match["match_id"]
        for match in read_all(alice.browser, "/matches")
        if dave.new_id in {account["actor_id"] for account in match["accounts"]}
    ]
    alice.browser.api("POST", "/matches/dismiss", {"match_ids": [his]})
    assert ledger(alice.browser)[dave.place] == "cancelled"
    assert "waits for your word" not in alice.browser.get("/reconnect").words
    alice.browser.post("/reconnect/accept")
    place.later(minutes=60)
    assert place.follows(alice) == {bob.new_id: 1}
    assert ledger(alice.browser)[dave.place] == "cancelled"


def test_who_chose_nothing_sees_him_and_does_not_follow_him(place: Neighbourhood) -> None:
    alice, bob, dave = before_dave(place, "off")
    place.join(dave)
    place.later(minutes=60)
    assert place.follows(alice) == {bob.new_id: 1}
    assert dave.place in matched(alice.browser)
    assert dave.place not in ledger(alice.browser)


def test_he_is_not_followed_while_he_is_to_be_found_by_nobody(place: Neighbourhood) -> None:
    alice, bob, dave = before_dave(place, "automatic")
    place.join(dave, found="nobody")
    place.later(minutes=60)
    assert place.follows(alice) == {bob.new_id: 1}
    assert dave.place not in matched(alice.browser)
