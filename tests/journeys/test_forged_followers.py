"""Mallory proves who she is, and says in her archive that everybody followed her."""

from __future__ import annotations

import pytest

from tests.house import House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.journeys.steps import ledger, matched, submit


def before_mallory(house: House) -> tuple[Neighbourhood, Neighbour, Neighbour, Neighbour]:
    """Return Alice, who brought her lists, Bob, who has none, and Mallory, who is not here yet."""
    place = Neighbourhood(house)
    alice, bob, mallory = (place.somebody() for _ in range(3))
    place.join(bob, standing="automatic")
    place.join(alice, standing="automatic")
    place.bring(alice, following=[bob])
    place.reconnect(alice)
    return place, alice, bob, mallory


def test_she_is_followed_by_nobody_who_did_not_pick_her(house: House) -> None:
    place, alice, _, mallory = before_mallory(house)
    before = place.follows(alice)
    place.join(mallory)
    place.bring(mallory, following=[], followers=[alice])
    place.later(minutes=60)
    assert mallory.place in matched(alice.browser)
    assert "Your own list does not" in alice.browser.get("/matches").text
    assert mallory.place not in ledger(alice.browser)
    page = alice.browser.get(place.plan(alice))
    assert not any(form.action.endswith("/start") for form in page.forms)
    assert place.follows(alice) == before


@pytest.mark.slow
def test_who_has_no_list_is_asked_even_if_all_else_goes_by_itself(house: House) -> None:
    place, _, bob, carol = before_mallory(house)
    dave = place.somebody()
    place.join(dave)
    place.bring(dave, following=[], followers=[bob])
    place.reconnect(bob)
    assert place.follows(bob) == {dave.new_id: 1}
    place.join(carol)
    place.bring(carol, following=[], followers=[bob])
    place.later(minutes=60)
    assert place.follows(bob) == {dave.new_id: 1}
    assert ledger(bob.browser)[carol.place] == "proposed"
    bob.browser.get("/reconnect")
    submit(bob.browser, "/reconnect/accept")
    place.later(minutes=1)
    assert place.follows(bob) == {dave.new_id: 1, carol.new_id: 1}
