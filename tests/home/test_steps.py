"""The path ticks what is true, and nothing before it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

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
    arrived=0,
    looked_at=None,
    now=datetime(2026, 11, 20, 9, tzinfo=UTC),
    signed_out=False,
    to_allow=False,
    reworded=False,
    standing=Standing.AUTOMATIC,
    chosen=True,
)


def test_nobody_stays_reconnected_before_we_may_follow_for_them() -> None:
    *_, reconnect, stay = steps.journey(CHOSEN)
    assert (reconnect.state, stay.state) == ("current", "next")
    assert stay.href == "/reconnect"
    allowed = replace(CHOSEN, may_follow=True)
    assert {step.state for step in steps.journey(allowed)} == {"done"}


def test_who_chose_nothing_for_later_is_led_to_the_choice() -> None:
    open_yet = replace(CHOSEN, may_follow=True, standing=Standing.OFF, chosen=False)
    *_, stay = steps.journey(open_yet)
    assert (stay.state, stay.href) == ("current", "/settings")


def test_who_chose_that_nothing_happens_is_not_asked_for_ever() -> None:
    """Nor need we be allowed to follow for them, to do nothing."""
    nothing = replace(CHOSEN, done=3, standing=Standing.OFF)
    assert {step.state for step in steps.journey(nothing)} == {"done"}


@pytest.mark.parametrize(
    ("looked_at", "said"),
    [
        (None, "2 people you followed have arrived."),
        (datetime(2026, 11, 20, 1, tzinfo=UTC), "2 people you followed have arrived."),
        (
            datetime(2026, 11, 17, 23, tzinfo=UTC),
            "2 people you followed have arrived since Tuesday.",
        ),
        (
            datetime(2026, 11, 13, 23, tzinfo=UTC),
            "2 people you followed have arrived since November 13, 2026.",
        ),
    ],
)
def test_who_arrived_is_told_since_the_day_of_the_last_look(
    looked_at: datetime | None, said: str
) -> None:
    (one,) = steps.news(replace(CHOSEN, arrived=2, looked_at=looked_at))
    assert one.text == said


def test_a_missing_permission_is_not_called_a_missing_sign_in() -> None:
    (one,) = steps.news(replace(CHOSEN, to_allow=True))
    assert "permission" in one.text
    (one,) = steps.news(replace(CHOSEN, signed_out=True))
    assert "sign in again" in one.text


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
    assert '<p class="unseen" aria-live="polite">Sky · Done · 100%</p>' in page.text


@ON_SQLITE
def test_each_page_of_the_way_says_which_step_it_is(house: House) -> None:
    member = house.new_browser()
    member.sign_in("bird", "newcomer")
    way = steps.journey(replace(CHOSEN, standing=Standing.OFF, chosen=False))
    for number, step in enumerate(way, 1):
        assert f"Step {number} of {len(way)}" in member.get(step.href).words, step.href
    # Who has just signed in chooses first, and that is on the way to the second.
    assert f"Step 1 of {len(way)}" in member.get("/welcome").words
    assert f"Step 2 of {len(way)}" in member.get("/archive").words
