"""The path ticks what is true, and nothing before it is."""

from __future__ import annotations

from dataclasses import replace

from openportability.domain import Standing
from openportability.home import steps
from tests.house import ON_SQLITE, House
from tests.journeys.neighbourhood import Neighbourhood

CHOSEN = steps.State(
    accounts=2,
    can_follow=True,
    may_follow=False,
    lists=2,
    matches=3,
    done=0,
    waiting=3,
    taken_back=False,
    proposed=0,
    signed_out=False,
    reworded=False,
    standing=Standing.AUTOMATIC,
)


def test_nobody_stays_reconnected_before_we_may_follow_for_them() -> None:
    *_, reconnect, stay = steps.journey(CHOSEN)
    assert (reconnect.state, stay.state) == ("current", "next")
    assert stay.href == "/reconnect"
    allowed = replace(CHOSEN, may_follow=True)
    assert {step.state for step in steps.journey(allowed)} == {"done"}


def test_who_chose_nothing_for_later_is_led_to_the_choice() -> None:
    open_yet = replace(CHOSEN, may_follow=True, standing=Standing.OFF)
    *_, stay = steps.journey(open_yet)
    assert (stay.state, stay.href) == ("current", "/settings")


def test_who_took_everything_back_is_not_told_that_all_is_set() -> None:
    """What they follow by themselves does not make it so."""
    for done in (0, 5):
        back = replace(CHOSEN, may_follow=True, waiting=0, done=done, taken_back=True)
        seen, reconnect = steps.journey(back)[2:4]
        assert (seen.state, reconnect.state) == ("done", "current")
        assert "took everything back" in reconnect.text


@ON_SQLITE
def test_who_listens_hears_how_far_it_is_in_tens(house: House) -> None:
    place = Neighbourhood(house)
    alice, _bob = place.circle(1)
    place.reconnect(alice)
    page = alice.browser.get("/reconnect")
    assert '<p class="unseen" aria-live="polite">Sky · Done: 100%</p>' in page.text


@ON_SQLITE
def test_each_page_of_the_way_says_which_step_it_is(house: House) -> None:
    member = house.new_browser()
    member.sign_in("bird", "newcomer")
    way = steps.journey(replace(CHOSEN, standing=Standing.OFF))
    for number, step in enumerate(way, 1):
        assert f"Step {number} of {len(way)}" in member.get(step.href).words, step.href
    assert f"Your next step: 1 of {len(way)}" in member.get("/").words
