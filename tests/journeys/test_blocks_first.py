"""Alice brings her blocks: nobody of them is followed, and she may block them where she lives now."""

from __future__ import annotations

from tests.archives.corpus import archive_files, zipped
from tests.house import House
from tests.journeys.neighbourhood import Neighbourhood
from tests.journeys.steps import hand_over, leave, matched, read, read_all, submit


def test_blocks_are_offered_in_words_and_carried_over_if_ticked(house: House) -> None:
    place = Neighbourhood(house)
    alice, carol = place.friends()
    bob, troll = place.somebody(), place.somebody()
    by_hand = place.follows(alice)
    for one in (alice, bob, carol, troll):
        place.join(one)
    files = archive_files(
        owner=alice.number,
        handle=alice.old_handle,
        following=[bob.number, carol.number, troll.number],
        blocked=[troll.number],
    )
    hand_over(alice.browser, zipped(files), also="yes")
    house.turn()
    assert troll.place not in matched(alice.browser)

    plan = place.plan(alice)
    url = leave(alice.browser, "/auth/sky/start", {}, holding={"purpose": "block"})
    alice.browser.get(url)
    alice.browser.allow(alice.new_handle)
    page = alice.browser.get(plan)
    assert "on this network blocks are public" in page.words
    assert "Everything is then finished about" in page.words
    (form,) = (form for form in page.forms if form.action == f"{plan}/start")
    assert "block" not in form.fields
    begun = submit(alice.browser, f"{plan}/start", block="sky")
    said = "1 follow is on its way. 1 block goes first. 1 person you follow already."
    assert said in begun.words
    house.turn()

    assert [*(place.follows(alice) - by_hand)] == [bob.new_id]
    (how,) = read(alice.browser, "/reconnection")
    assert (how["counts"], how["blocks"]) == ({"followed": 1, "already": 1}, {"followed": 1})
    rows = read_all(alice.browser, "/reconnection/ledger")
    made = {row["deed"]: row["actor_id"] for row in rows if row["state"] == "followed"}
    assert made == {"follow": bob.new_id, "block": troll.new_id}
    alice.browser.get("/reconnect/ledger")
    assert "blocked" in alice.browser.page.words
