"""Who is no member says once that nobody is ever led to them; it counts at once, and can be taken back."""

from __future__ import annotations

import re

from sqlalchemy import func, select

from openportability.db.schema import METADATA, accounts, follow_lists, suppressed, twins, users
from tests.archives.corpus import archive_files, zipped
from tests.browsing import Answer, Browser
from tests.house import House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.journeys.steps import choose, hand_over, leave, matched


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


def test_nobody_is_led_to_them_by_a_claim(house: House) -> None:
    place = Neighbourhood(house)
    shy, friend = place.somebody(), place.somebody()
    place.join(friend)
    place.bring(friend, following=[shy])
    # Somebody signs in elsewhere and brings the archive of who is shy: a claim.
    place.join(shy, proves_old=False)
    place.bring(shy, following=[friend])
    assert matched(friend.browser) == {("bird", str(shy.number)), shy.place}
    say(shy, house.new_browser())
    assert matched(friend.browser) == set()
    house.turn()
    assert matched(friend.browser) == set()
    place.bring(shy, following=[friend])
    assert matched(friend.browser) == set()
    say(shy, house.new_browser(), "/never-list-me/lift")
    house.turn()
    assert matched(friend.browser) == {("bird", str(shy.number)), shy.place}


def test_who_claims_to_be_them_is_told_what_any_claim_is(house: House) -> None:
    """Before they asked and after, to the byte: else a forged archive would tell who asked."""
    place = Neighbourhood(house)
    shy, friend, before, after = (place.somebody() for _ in range(4))
    place.join(friend)
    place.bring(friend, following=[shy], followers=[shy])
    for one in (before, after):
        place.join(one, proves_old=False)
    told = [_claims(place, before, shy, friend)]
    held = [_held(house, before)]
    # Nor does who claimed it before learn anything when they ask.
    say(shy, house.new_browser())
    house.turn()
    told += [_looks(before), _claims(place, after, shy, friend)]
    held += [_held(house, before), _held(house, after)]
    assert told[0][1:] == told[1]
    assert told[0] == told[2]
    assert held[0] == held[1] == held[2]


def _claims(
    place: Neighbourhood, one: Neighbour, claimed: Neighbour, friend: Neighbour
) -> tuple[Answer | str, ...]:
    """Bring the archive of somebody else; return what is told about it, and then shown."""
    files = archive_files(
        owner=claimed.number, handle=claimed.old_handle, following=[friend.number], followers=[]
    )
    page = hand_over(one.browser, zipped(files))
    place.house.turn()
    return _without_names(page, one), *_looks(one)


def _looks(one: Neighbour) -> tuple[str, ...]:
    pages = (one.browser.get(path) for path in ("/matches", "/archive"))
    asked = one.browser.api("GET", "/matches")
    return tuple(_without_names(answer, one) for answer in (*pages, asked))


def _without_names(answer: Answer, one: Neighbour) -> str:
    """Return an answer with its code and its size, but for who looks and when: ids are enciphered for each."""
    body = re.sub(r"\b[0-9a-z]{26}\b", "an id of ours", answer.text)
    body = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.+]+|\d+:\d\d [AP]M", "a time", body)
    body = body.replace(one.new_handle, "me").replace(one.new_id, "my id")
    return f"{answer.status} {len(body)} {body}"


def _held(house: House, one: Neighbour) -> tuple[object, ...]:
    """Return what is stored of somebody's claim, but for ids and sequence numbers."""
    with house.site.db.read() as tx:
        mine = select(accounts.c.user_id).where(accounts.c.actor_id == one.new_id)
        user = tx.execute(mine).scalar_one()
        claim = tx.execute(
            select(accounts).where(accounts.c.user_id == user, accounts.c.network == "bird")
        ).one()
        there = select(follow_lists.c.kind, func.length(follow_lists.c.sealed)).where(
            follow_lists.c.user_id == user
        )
        rows = tx.execute(there.order_by(follow_lists.c.kind)).all()
    return (claim.actor_id, claim.key, claim.proof, claim.handle, claim.name, *map(tuple, rows))


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
