"""Who is ticked on one page of the matches stays chosen on the next, without script."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from openportability.circle import routes
from tests.browsing import Answer, Browser
from tests.house import ON_SQLITE, House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.journeys.steps import read

pytestmark = ON_SQLITE


@pytest.fixture
def alice(house: House, monkeypatch: pytest.MonkeyPatch) -> Neighbour:
    """Somebody who is shown six people, two on a page."""
    monkeypatch.setattr(routes, "_ROWS", 2)
    place = Neighbourhood(house)
    alice, *_ = place.circle(6)
    alice.browser.get("/matches")
    return alice


def rows(page: Answer) -> list[str]:
    """Return the ids of who is shown on a page."""
    return re.findall(r'type="checkbox" name="match_ids" value="(\w+)"', page.text)


def carried(page: Answer) -> list[str]:
    """Return the ids of who was chosen on other pages."""
    return re.findall(r'type="hidden" name="match_ids" value="(\w+)"', page.text)


def ticked(page: Answer) -> list[str]:
    """Return the ids of who is ticked already."""
    return re.findall(r'name="match_ids" value="(\w+)" checked', page.text)


def send(browser: Browser, button: str, address: str, *ticks: str) -> Answer:
    """Press a button of the page with these ticked; the answer as it is."""
    form, name, value = browser.find(button)
    fields = [(one, said) for one, said in form.fields.items() if one != "match_ids"]
    chosen = [("match_ids", one) for one in (*carried(browser.page), *ticks)]
    body = urlencode([*fields, *chosen, *([(name, value)] if name else [])]).encode()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Sec-Fetch-Site": "same-origin",
    }
    answer = browser.ask("POST", address, body=body, headers=headers)
    if answer.status == 200:
        browser.turn_to(answer)
    return answer


def turn(browser: Browser, button: str, *ticks: str) -> Answer:
    """Go to another page with these ticked."""
    page = send(browser, button, "/matches", *ticks)
    assert page.status == 200
    return page


def test_who_was_ticked_on_three_pages_is_in_the_plan(alice: Neighbour) -> None:
    first = rows(alice.browser.page)
    page = turn(alice.browser, "Next page", *first)
    assert "Chosen: 2" in page.words
    assert page.headers["Cache-Control"] == "no-store"
    assert "?" not in page.url
    second = rows(page)
    page = turn(alice.browser, "Next page", second[0])
    assert carried(page) == [*first, second[0]]
    answer = send(alice.browser, "Plan to follow the ticked ones", "/reconnect/plan", rows(page)[0])
    plan = answer.location.rpartition("/")[2]
    assert len(read(alice.browser, f"/plans/{plan}/rows")["items"]) == 4


def test_who_was_ticked_before_is_set_aside_with_the_others(alice: Neighbour) -> None:
    first = rows(alice.browser.page)
    page = turn(alice.browser, "Next page", first[0])
    send(alice.browser, "Set the ticked ones aside", "/matches/dismiss", rows(page)[1])
    assert "2 matches were set aside." in alice.browser.get("/matches").words


def test_a_tick_is_seen_again_and_taken_off_again(alice: Neighbour) -> None:
    first = rows(alice.browser.page)
    turn(alice.browser, "Next page", *first)
    again = turn(alice.browser, "Back to the beginning")
    assert (ticked(again), carried(again)) == (first, [])
    page = turn(alice.browser, "Next page", first[1])
    assert carried(page) == [first[1]]


def test_nobody_ticked_is_an_address_to_come_back_to(alice: Neighbour) -> None:
    answer = send(alice.browser, "Next page", "/matches")
    assert (answer.status, "after=" in answer.location) == (303, True)


def test_choosing_none_stays_on_the_page(alice: Neighbour) -> None:
    first = rows(alice.browser.page)
    page = turn(alice.browser, "Next page", *first)
    way = re.search(r'href="([^"]+)">Choose none', page.text)
    assert way
    none = alice.browser.get(way[1].replace("&amp;", "&"))
    assert (rows(none), carried(none)) == (rows(page), [])


def test_no_more_are_carried_than_a_form_holds(
    alice: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MOST_CHOSEN", 3)
    first = rows(alice.browser.page)
    page = turn(alice.browser, "Next page", *first)
    page = turn(alice.browser, "Next page", *rows(page))
    assert len(carried(page)) == 3
    assert "No more than 3 people can be chosen by hand." in page.words


def test_as_many_as_may_be_chosen_fit_a_form(alice: Neighbour) -> None:
    most = [rows(alice.browser.page)[0]] * (routes.MOST_CHOSEN + 50)
    assert turn(alice.browser, "Next page", *most).status == 200


def test_an_invented_id_is_nobody_s(alice: Neighbour) -> None:
    assert send(alice.browser, "Next page", "/matches", "aaaa").status == 404
