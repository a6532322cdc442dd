"""Who is no member says once that nobody is ever led to them; it counts at once, and can be taken back."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from openportability.db.schema import METADATA, suppressed, twins, users
from tests.browsing import Answer, Browser
from tests.house import House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.journeys.steps import choose, leave, matched


def say(one: Neighbour, browser: Browser, page: str = "/never-list-me") -> Answer:
    """Prove the old account on the page, as a visitor."""
    browser.get(page)
    browser.get(leave(browser, "/auth/bird/start", {"typed": one.old_handle}))
    return browser.allow(one.old_handle)


def count(house: House, of: object = users) -> int:
    with house.site.db.read() as tx:
        return int(tx.execute(select(func.count()).select_from(of)).scalar_one())  # type: ignore[arg-type]  # a table


def test_it_keeps_a_keyed_hash_and_makes_nobody_a_member(house: House) -> None:
    place = Neighbourhood(house)
    one, browser = place.somebody(), house.new_browser()
    assert "Nobody will ever be led to this account" in say(one, browser).words
    assert browser.api("GET", "/me").status == 401
    assert (count(house), count(house, suppressed)) == (0, 1)
    say(one, browser)
    assert count(house, suppressed) == 1
    with house.site.db.read() as tx:
        (row,) = tx.execute(select(suppressed)).all()
        rows = [tx.execute(select(table)).all() for table in METADATA.sorted_tables]
    assert str(one.number).encode() not in row.hash
    assert one.old_handle not in str(rows)
    # What the proof granted is ended.
    house.turn()
    assert not house.lives("bird", one.old_handle)


def test_nobody_claims_them_and_a_claim_ends_at_once(house: House) -> None:
    place = Neighbourhood(house)
    shy, friend = place.somebody(), place.somebody()
    place.join(friend)
    place.bring(friend, following=[shy])
    # Somebody signs in elsewhere and brings the archive of who is shy: a claim.
    place.join(shy, proves_old=False)
    place.bring(shy, following=[friend])
    assert matched(friend.browser) == {("bird", str(shy.number)), shy.place}
    say(shy, house.new_browser())
    house.turn()
    assert matched(friend.browser) == set()
    # And nobody claims it again.
    with pytest.raises(AssertionError, match="never to be listed here"):
        place.bring(shy, following=[friend])
    assert matched(friend.browser) == set()


def test_nobody_is_led_to_them_as_a_copy_that_a_bridge_was_thought_to_keep(house: House) -> None:
    place, elsewhere = Neighbourhood(house), Neighbourhood(house, "herd")
    friend, moved_away = place.somebody(), elsewhere.somebody()
    copy = house.ask_world("sky", "bridge", of=moved_away.new_id, nick="moved_away")
    place.join(friend)
    elsewhere.join(moved_away)
    choose(moved_away.browser, bridged="on")
    house.turn()
    place.bring(friend, following=[moved_away])
    assert _copies(house) == [copy["id"]]
    # They took that account away from the bridge, and it is theirs to sign in with.
    browser = house.new_browser()
    browser.get("/never-list-me")
    browser.get(leave(browser, "/auth/sky/start", {"typed": copy["handle"]}))
    assert "Nobody will ever be led to this account" in browser.allow(copy["handle"]).words
    assert _copies(house) == []


def _copies(house: House) -> list[str]:
    with house.site.db.read() as tx:
        return list(tx.execute(select(twins.c.actor_id)).scalars())


def test_joining_with_it_takes_a_word_first(house: House) -> None:
    place = Neighbourhood(house)
    one = place.somebody()
    say(one, house.new_browser())
    refused = one.browser.sign_in("bird", one.old_handle)
    assert (refused.status, count(house)) == (409, 0)
    assert "You asked never to be listed" in refused.words
    assert "/never-list-me/lift" in refused.text
    assert "You may be listed again" in say(one, one.browser, "/never-list-me/lift").words
    assert count(house, suppressed) == 0
    assert one.browser.sign_in("bird", one.old_handle).path == "/welcome"


def test_a_member_chooses_or_leaves_instead(house: House) -> None:
    place = Neighbourhood(house)
    one = place.somebody()
    place.join(one)
    assert "You take part here" in say(one, house.new_browser()).words
    assert count(house, suppressed) == 0
