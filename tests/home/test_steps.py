"""The path ticks what is true, and nothing before it is."""

from __future__ import annotations

from dataclasses import replace

from openportability.domain import Standing
from openportability.home import steps

CHOSEN = steps.State(
    accounts=2,
    can_follow=True,
    may_follow=False,
    lists=2,
    matches=3,
    done=0,
    waiting=3,
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
