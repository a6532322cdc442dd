"""What the page of matches is narrowed to and ordered by, as the API does; and what its tabs count."""

from __future__ import annotations

import re

import pytest

from openportability.circle import routes
from openportability.circle.view import Show
from tests.browsing import Answer
from tests.house import ON_SQLITE, House
from tests.journeys.neighbourhood import NEW, OLD, Neighbour, Neighbourhood

pytestmark = ON_SQLITE


def named(page: Answer, people: list[Neighbour]) -> list[Neighbour]:
    """Return who stands on a page, first things first."""
    there = [(page.words.find(one.new_handle), one) for one in people]
    return [one for at, one in sorted(there, key=lambda pair: pair[0]) if at >= 0]


def test_order_network_and_proof_are_chosen_and_stay_while_paging(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_ROWS", 2)
    place = Neighbourhood(house)
    alice, *others = (place.somebody() for _ in range(5))
    for one in (*others, alice):
        place.join(one)
        place.later()
    place.bring(alice, following=[])
    for one in others:
        place.later()
        place.bring(one, following=[], followers=[alice])
    alice.browser.get("/matches")
    first = alice.browser.press("Search", order="newest")
    assert named(first, others) == [others[3], others[2]]
    form, name, value = alice.browser.find("Next page")
    ticked = re.search(r'name="match_ids" value="(\w+)"', first.text)
    assert ticked
    assert form.fields["order"] == "newest"
    second = alice.browser.post("/matches", {**form.fields, name: value, "match_ids": ticked[1]})
    assert named(second, others) == [others[1], others[0]]
    assert f'type="hidden" name="match_ids" value="{ticked[1]}"' in second.text
    for network, shown in ((NEW, 2), ("herd", 0)):
        page = alice.browser.get(f"/matches?show=all&network={network}")
        assert len(named(page, others)) == shown
    assert len(named(alice.browser.get("/matches?proof=proved"), others)) == 2
    assert named(alice.browser.get("/matches?proof=claimed"), others) == []
    assert alice.browser.get("/matches?order=sideways").status == 400
    assert alice.browser.get(f"/matches?since={2**40}").status == 400


def test_a_program_narrows_to_the_same(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob = place.somebody(), place.somebody()
    place.join(bob)
    place.join(alice)
    place.bring(alice, following=[bob])

    def found(query: str) -> int:
        page = alice.browser.api("GET", f"/matches?{query}")
        assert page.status == 200, page.text
        return len(page.json()["items"])

    assert [found(f"proof={one}") for one in ("proved", "claimed")] == [1, 0]
    assert found("since=2020-01-01T00:00:00Z") == 0  # he was there before the lists were
    assert found(f"network={OLD}") == 1


def test_each_match_stands_in_one_tab_and_who_was_stopped_is_not_new(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob, carol = (place.somebody() for _ in range(3))
    for one in (bob, carol, alice):
        place.join(one)
    place.bring(alice, following=[bob, carol])
    browser = alice.browser
    plan = place.plan(alice, q=bob.new_handle)
    browser.post(f"{plan}/start")
    assert totals(alice)[Show.PENDING] == 1
    browser.post("/reconnect/stop")
    counted = totals(alice)
    assert (counted[Show.NEW], counted[Show.PENDING], counted[Show.ENDED]) == (1, 0, 1)
    kinds = (Show.NEW, Show.PENDING, Show.DONE, Show.ENDED)
    assert sum(counted[kind] for kind in kinds) == counted[Show.ALL]
    ended = browser.get("/matches?show=ended")
    assert named(ended, [bob, carol]) == [bob]
    assert "Not followed after all" in ended.words
    items = browser.api("GET", "/matches?state=ended").json()["items"]
    assert [one["accounts"][-1]["state"] for one in items] == ["cancelled"]


def totals(one: Neighbour) -> dict[Show, int]:
    counted: dict[str, int] = one.browser.api("GET", "/matches").json()["totals"]
    return {Show(kind): count for kind, count in counted.items()}


def test_who_linked_no_account_to_follow_from_is_led_there(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob = place.somebody(), place.somebody()
    place.join(bob)
    alice.browser.sign_in(OLD, alice.old_handle)
    place.bring(alice, following=[bob])
    page = alice.browser.get("/matches")
    assert "Plan to follow" not in page.words
    assert 'href="/accounts#link"' in page.text
