"""Carol is here and wants to be found by nobody: to those who followed her she is as good as absent."""

from __future__ import annotations

import re

import pytest

from tests.house import House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.journeys.steps import choose, ledger, matched

#: What is new each time a page is made: ids as they are shown, and times.
FRESH = re.compile(r"[0-9a-z]{26}|<time [^>]*>[^<]*")


@pytest.fixture
def place(house: House) -> Neighbourhood:
    return Neighbourhood(house)


def pages_of(one: Neighbour, plan: str) -> list[str]:
    """Return each page that speaks of people, but for what is new each time."""
    paths = ("/", "/matches", "/matches?show=all", "/reconnect", plan)
    return [FRESH.sub("", one.browser.get(path).text) for path in paths]


def test_each_page_is_the_same_with_her_as_without_her(place: Neighbourhood) -> None:
    alice, bob, carol = (place.somebody() for _ in range(3))
    place.join(bob)
    place.join(alice)
    place.bring(alice, following=[bob, carol], followers=[carol])
    without = pages_of(alice, place.plan(alice))
    place.join(carol, found="nobody")
    place.bring(carol, following=[alice], followers=[alice])
    assert pages_of(alice, place.plan(alice)) == without
    assert carol.place not in matched(alice.browser)
    place.reconnect(alice)
    place.later(minutes=60)
    assert place.follows(alice) == {bob.new_id: 1}
    assert carol.place not in ledger(alice.browser)


def test_once_she_may_be_found_she_is(place: Neighbourhood) -> None:
    alice, carol = place.somebody(), place.somebody()
    place.join(carol, found="nobody")
    place.join(alice)
    place.bring(alice, following=[carol])
    assert not matched(alice.browser)
    choose(carol.browser, found="anyone")
    place.later()
    assert carol.place in matched(alice.browser)


def test_who_hides_before_a_plan_is_started_is_not_followed(place: Neighbourhood) -> None:
    alice, bob, carol = (place.somebody() for _ in range(3))
    for one in (bob, carol):
        place.join(one)
    place.join(alice)
    place.bring(alice, following=[bob, carol])
    plan = place.plan(alice)
    choose(carol.browser, found="nobody")
    old_plan = alice.browser.post(f"{plan}/start")
    assert old_plan.status in {200, 409}
    place.reconnect(alice)
    place.later()
    assert place.follows(alice) == {bob.new_id: 1}
