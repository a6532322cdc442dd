"""Who sets people aside on the page of matches stays where they were shown."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from openportability.circle import routes
from tests.browsing import Answer, Browser
from tests.house import ON_SQLITE, House
from tests.journeys.neighbourhood import Neighbourhood

pytestmark = ON_SQLITE


def set_aside(browser: Browser) -> Answer:
    """Tick the first person of the page, and set them aside."""
    ticked = re.search(r'name="match_ids" value="(\w+)"', browser.page.text)
    assert ticked
    form, _, _ = browser.find("Set the ticked ones aside")
    return browser.post("/matches/dismiss", {**form.fields, "match_ids": ticked[1]})


def test_a_search_stays(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob, carol = (place.somebody() for _ in range(3))
    for one in (bob, carol, alice):
        place.join(one)
    place.bring(alice, following=[bob, carol])
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
    alice, *others = (place.somebody() for _ in range(5))
    for one in (*others, alice):
        place.join(one)
    place.bring(alice, following=others)
    first = alice.browser.get("/matches")
    way = re.search(r'href="(/matches\?[^"]*after=[^"]+)"', first.text)
    assert way
    second = alice.browser.get(unescape(way[1]))
    assert set_aside(alice.browser).url == second.url
    back = set_aside(alice.browser)
    assert "after=" not in back.url
    assert "1 match was set aside." in back.words
    assert back.text.count('name="match_ids"') == 2
