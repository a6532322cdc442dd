"""Alice brings her blocks and mutes: nobody of them is followed, and she may avoid them where she lives now."""

from __future__ import annotations

from tests.archives.corpus import archive_files, zipped
from tests.browsing import Answer
from tests.house import House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.journeys.steps import hand_over, leave, matched, read, read_all, submit
from tests.privacy.exports import unzipped


def test_blocks_and_mutes_are_offered_in_words_and_carried_over_if_ticked(house: House) -> None:
    place = Neighbourhood(house)
    alice, carol = place.friends()
    bob, troll, noisy = (place.somebody() for _ in range(3))
    by_hand = place.follows(alice)
    for one in (alice, bob, carol, troll, noisy):
        place.join(one)
    archive = archive_files(
        owner=alice.number,
        handle=alice.old_handle,
        following=[bob.number, carol.number, troll.number, noisy.number],
        blocked=[troll.number],
        muted=[noisy.number],
    )
    hand_over(alice.browser, zipped(archive), also="yes")
    house.turn()
    assert matched(alice.browser).isdisjoint({troll.place, noisy.place})
    # Before anybody is blocked, her files name those whom she could block.
    brought = {"sky/blocks.csv": [troll.new_handle], "sky/mutes.csv": [noisy.new_handle]}
    assert files(alice) == brought

    plan = place.plan(alice)
    # Each right is asked for by itself, and keeps what was given before.
    allow(alice, plan, "block")
    page = allow(alice, plan, "avoid")
    assert "on this network blocks are public" in page.words
    assert "Mutes are private: nobody but you sees whom you mute there." in page.words
    assert "Everything is then finished about" in page.words
    (form,) = (form for form in page.forms if form.action == f"{plan}/start")
    assert form.fields.keys().isdisjoint({"block", "mute"})
    begun = submit(alice.browser, f"{plan}/start", block="sky", mute="sky").words
    assert "1 follow is on its way. 1 block goes first. 1 mute goes first. 1 person" in begun
    house.turn()

    assert [*(place.follows(alice) - by_hand)] == [bob.new_id]
    (how,) = read(alice.browser, "/reconnection")
    assert how["counts"] == {"followed": 1, "already": 1}
    assert how["blocks"] == how["mutes"] == {"followed": 1}
    rows = read_all(alice.browser, "/reconnection/ledger")
    made = {row["deed"]: row["actor_id"] for row in rows if row["state"] == "followed"}
    assert made == {"follow": bob.new_id, "block": troll.new_id, "mute": noisy.new_id}
    shown = alice.browser.get("/reconnect/ledger").words
    assert "blocked" in shown
    assert "muted" in shown
    follows = sorted([bob.new_handle, carol.new_handle])
    assert files(alice) == {**brought, "sky/follows.csv": follows}

    # What was done is counted as what it was.
    held = alice.browser.get("/my-data").words
    assert "Who was blocked for you blocked 1 Who was muted for you muted 1 " in held
    numbers = house.new_browser().get("/metrics").text
    for deed in ("follow", "block", "mute"):
        row = f'network="sky",deed="{deed}",state="followed",reason=""'
        assert f"openportability_reconnections{{{row}}} 1" in numbers

    # Whom she does not avoid any more by her own wish is in no file that would do so again.
    assert alice.browser.api("POST", "/reconnection/undo", {"scope": "all"}).status == 202
    house.turn()
    place.later()
    assert files(alice) == {"sky/follows.csv": [carol.new_handle]}


def allow(one: Neighbour, plan: str, purpose: str) -> Answer:
    """Give a right that the page of a plan asks for; return that page as it is then."""
    one.browser.get(plan)
    url = leave(one.browser, "/auth/sky/start", {}, holding={"purpose": purpose})
    one.browser.get(url)
    one.browser.allow(one.new_handle)
    return one.browser.get(plan)


def files(one: Neighbour) -> dict[str, list[str]]:
    """Return the files of somebody's export that are for the networks' own tools."""
    return {
        name: sorted(body.decode().split())
        for name, body in unzipped(one.browser).items()
        if name.endswith(".csv")
    }
