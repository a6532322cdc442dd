"""Who did not do yet what a step needs is told what to do first, and loses nothing."""

from __future__ import annotations

import pytest

from tests.house import House
from tests.journeys.neighbourhood import OLD, Neighbourhood
from tests.journeys.steps import choose, submit


@pytest.fixture
def place(house: House) -> Neighbourhood:
    return Neighbourhood(house)


def test_who_lives_nowhere_yet_is_led_to_linking_an_account(place: Neighbourhood) -> None:
    alice, bob = place.somebody(), place.somebody()
    place.join(bob)
    alice.browser.sign_in(OLD, alice.old_handle)
    choose(alice.browser, found="nobody", standing="off")
    place.bring(alice, following=[bob])
    alice.browser.get("/matches")
    page = submit(alice.browser, "/reconnect/plan", scope="all")
    assert "Where shall we follow them?" in page.text
    assert "/accounts#link" in page.text


def test_who_starts_without_a_permission_is_told_what_waits(place: Neighbourhood) -> None:
    alice, bob = place.somebody(), place.somebody()
    place.join(bob)
    place.join(alice)
    place.bring(alice, following=[bob])
    plan = place.plan(alice)
    page = submit(alice.browser, f"{plan}/start")
    assert (
        "1 follow is on its way. What needs your permission waits until you give it below."
        in page.text
    )
    place.allow(alice, "/reconnect")
    place.later(minutes=1)
    assert place.follows(alice) == {bob.new_id: 1}
