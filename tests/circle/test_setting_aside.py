"""Who sets people aside on the page of matches, or takes them back, stays where they were shown."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from openportability.circle import routes
from tests.browsing import Answer, Browser
from tests.house import ON_SQLITE, House
from tests.journeys.neighbourhood import Neighbourhood

pytestmark = ON_SQLITE


def turn(browser: Browser) -> Answer:
    """Go to the next page with nobody ticked."""
    form, name, value = browser.find("Next page")
    return browser.post("/matches", {**form.fields, name: value})


def set_aside(browser: Browser) -> Answer:
    """Tick the first person of the page, and set them aside."""
    ticked = re.search(r'name="match_ids" value="(\w+)"', browser.page.text)
    assert ticked
    form, _, _ = browser.find("Set the ticked ones aside")
    return browser.post("/matches/dismiss", {**form.fields, "match_ids": ticked[1]})


def test_a_search_stays(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob, carol = place.circle(2)
    alice.browser.get(f"/matches?show=all&q={bob.new_handle}")
    landed = set_aside(alice.browser)
    asked = parse_qs(urlsplit(landed.url).query)
    assert (landed.path, asked) == ("/matches", {"show": ["all"], "q": [bob.new_handle]})
    assert "1 match was set aside." in landed.words
    assert carol.new_handle not in landed.words


def test_a_page_stays_until_nobody_is_left_on_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_ROWS", 2)
    place = Neighbourhood(house)
    alice, *_ = place.circle(4)
    first = alice.browser.get("/matches")
    second = turn(alice.browser)
    assert second.url != first.url
    assert set_aside(alice.browser).url == second.url
    back = set_aside(alice.browser)
    assert "after=" not in back.url
    assert "1 match was set aside." in back.words
    assert back.text.count('name="match_ids"') == 2


def test_a_whole_search_is_set_aside_and_taken_back_where_it_is_shown(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob, carol = place.circle(2)
    search = f"/matches?show=new&q={bob.new_handle}"
    alice.browser.get(search)
    form, name, value = alice.browser.find("Set aside all of this search")
    landed = alice.browser.post("/matches/dismiss", {**form.fields, name: value})
    assert landed.url.endswith(search)
    assert "1 match was set aside. See who is set aside" in landed.words
    way = re.search(r'href="([^"]+)">See who is set aside', landed.text)
    assert way
    aside = alice.browser.get(way[1].replace("&amp;", "&"))
    assert bob.new_handle in aside.words
    form, name, value = alice.browser.find("Take back all of this search")
    back = alice.browser.post("/matches/dismiss", {**form.fields, name: value})
    assert back.url == aside.url
    assert "1 match is back." in back.words
    everyone = alice.browser.get("/matches").words
    assert bob.new_handle in everyone
    assert carol.new_handle in everyone


def test_a_whole_view_is_not_set_aside_without_a_search(house: House) -> None:
    place = Neighbourhood(house)
    alice, _bob = place.circle(1)
    assert "Set aside all" not in alice.browser.get("/matches").words
