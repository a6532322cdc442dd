"""Home tells who has arrived since the last look, and leads to exactly these. On both databases: it is kept there."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

from tests.house import House
from tests.journeys.neighbourhood import Neighbourhood
from tests.privacy.exports import exported


def test_home_tells_who_arrived_since_the_last_look_until_they_were_looked_at(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob, carol, dave = (place.somebody() for _ in range(4))
    place.join(bob)
    place.join(alice)
    place.bring(alice, following=[bob, carol, dave])
    assert "arrived" not in alice.browser.get("/").words
    assert bob.new_handle in alice.browser.get("/matches").words
    last = house.clock.now()
    place.later(minutes=3 * 24 * 60)
    place.join(carol)
    place.join(dave)
    place.later()
    home = alice.browser.get("/")
    assert f"2 people you followed have arrived since {last:%A}." in home.words
    found = re.search(r'href="(/matches[?][^"]*since=[^"]*)"', home.text)
    assert found
    page = alice.browser.get(unescape(found[1]))
    there = [one for one in (bob, carol, dave) if one.new_handle in page.words]
    assert there == [carol, dave]
    assert "arrived" not in alice.browser.get("/").words
    # The page still shows them: its address says since when.
    assert carol.new_handle in alice.browser.get(unescape(found[1])).words


def test_when_one_looked_is_in_what_one_takes_along(house: House) -> None:
    place = Neighbourhood(house)
    alice = place.somebody()
    place.join(alice)

    assert exported(alice.browser).member.looked_at is None
    alice.browser.get("/matches")
    looked_at = exported(alice.browser).member.looked_at
    assert looked_at is not None
    assert looked_at <= house.clock.now() < looked_at + timedelta(minutes=1)
