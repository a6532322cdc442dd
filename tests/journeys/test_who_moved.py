"""Somebody has moved to another account since: they are followed there, and every page says where."""

from __future__ import annotations

from tests.house import House
from tests.journeys.neighbourhood import Neighbourhood
from tests.journeys.steps import read_all, submit


def test_who_moved_is_followed_at_the_new_place_and_the_pages_say_where(house: House) -> None:
    place = Neighbourhood(house, new="herd")
    alice, bob, there = (place.somebody() for _ in range(3))
    now_at = there.new_id
    for one in (bob, alice):
        place.join(one)
    house.ask_world("herd", "move", who=bob.new_id, to=now_at)
    place.bring(alice, following=[bob])
    plan = place.plan(alice)
    shown = alice.browser.get(plan).words
    assert "Who has moved to another account is followed there" in shown
    assert "Has moved to" not in shown  # nobody was asked about yet
    (row,) = read_all(alice.browser, f"/plans/{plan.rpartition('/')[2]}/rows")
    assert (row["decision"], row["moved_to"]) == ("new", None)

    place.start(alice, plan)
    place.later(minutes=10)
    assert now_at in place.follows(alice)
    (row,) = read_all(alice.browser, "/reconnection/ledger")
    assert (row["actor_id"], row["moved_to"]) == (bob.new_id, now_at)
    assert "Has moved to" in alice.browser.get("/reconnect/ledger").words

    place.later(minutes=120)  # by then no list lags behind
    alice.browser.get("/reconnect")
    again = submit(alice.browser, "/reconnect/plan").path
    assert "Has moved to" in alice.browser.get(again).words
    (row,) = read_all(alice.browser, f"/plans/{again.rpartition('/')[2]}/rows")
    assert (row["decision"], row["moved_to"]) == ("done", now_at)
