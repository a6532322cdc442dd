"""A program puts the matches in order, and sets aside or takes back all that a filter shows."""

from __future__ import annotations

from tests.browsing import Browser
from tests.house import House
from tests.journeys.neighbourhood import NEW, OLD, Neighbour, Neighbourhood
from tests.journeys.steps import read


def handles(browser: Browser, path: str) -> list[str]:
    """Return who is listed, by the handle they were known under."""
    return [item["source"]["handle"] for item in read(browser, path)["items"]]


def four_friends(house: House) -> tuple[Neighbour, list[Neighbour]]:
    """Return Alice and whom she is shown: the last of them followed her too, and came after the others."""
    place = Neighbourhood(house)
    alice, *others = (place.somebody() for _ in range(5))
    for one in others[:-1]:
        place.join(one)
    place.join(alice)
    place.bring(alice, following=others, followers=others[-1:])
    house.clock.forward(hours=1)
    place.join(others[-1])
    return alice, others


def test_matches_come_in_the_order_that_is_asked_for(house: House) -> None:
    alice, others = four_friends(house)
    last = others[-1].old_handle
    assert handles(alice.browser, "/matches")[0] == last
    assert handles(alice.browser, "/matches?sort=newest")[0] == last
    by_name = read(alice.browser, "/matches?sort=name")["items"]
    names = [item["accounts"][0]["display_name"].casefold()[:7] for item in by_name]
    assert names == sorted(names)
    one_by_one: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = read(alice.browser, f"/matches?sort=newest&limit=1&cursor={cursor}")
        one_by_one += [item["source"]["handle"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert one_by_one == handles(alice.browser, "/matches?sort=newest")


def test_all_that_a_filter_shows_is_set_aside_and_taken_back(house: House) -> None:
    alice, others = four_friends(house)
    first, last = others[0].old_handle, others[-1].old_handle

    def act(verb: str, **by: object) -> dict[str, int]:
        answer = alice.browser.api("POST", f"/matches/{verb}", {"filter": by})
        assert answer.status == 200, answer.text
        told: dict[str, int] = answer.json()
        return told

    assert act("dismiss", q=first) == {"dismissed": 1}
    assert handles(alice.browser, "/matches?state=dismissed") == [first]
    assert act("dismiss", mutual=True) == {"dismissed": 1}
    assert act("restore", q=last) == {"restored": 1}
    assert act("dismiss", network=NEW, state="new") == {"dismissed": 3}
    assert handles(alice.browser, "/matches") == []
    assert act("restore", network=OLD) == {"restored": 4}
    assert len(handles(alice.browser, "/matches")) == 4
    assert alice.browser.api("POST", "/matches/dismiss", {}).status == 400
