"""Bob lives where Alice is not. A bridge keeps a copy of him where she is, and both say that she may follow it."""

from __future__ import annotations

import json

from tests.house import House
from tests.journeys.neighbourhood import Neighbourhood
from tests.journeys.steps import choose, ledger, read, read_all, submit
from tests.privacy.exports import unzipped


def test_who_lives_elsewhere_is_followed_through_a_copy_if_both_say_so(house: House) -> None:
    place, elsewhere = Neighbourhood(house), Neighbourhood(house, "herd")
    alice, bob = place.somebody(), elsewhere.somebody()
    while bob.number == alice.number:
        bob = elsewhere.somebody()
    copy = house.ask_world("sky", "bridge", of=bob.new_id, nick="copy_of_bob")
    place.join(alice)
    elsewhere.join(bob)
    place.bring(alice, following=[bob])

    # Unless Bob says so, nobody is asked about him, and nobody learns that there is a copy.
    assert read_all(alice.browser, f"/plans/{_id(place.plan(alice))}/rows") == []
    unsaid = "Until you do, nobody is led to a copy."
    assert unsaid in bob.browser.get("/settings").words
    bob.browser.press("Save")
    assert read(bob.browser, "/consents").get("bridged") is None
    choose(bob.browser, bridged="on")
    assert unsaid not in bob.browser.get("/settings").words
    house.turn()
    assert copy["handle"] in bob.browser.get("/settings").words
    assert copy["handle"] in bob.browser.get("/my-data").words
    assert read(bob.browser, "/consents")["bridged"]["value"] == "on"
    taken = json.loads(unzipped(bob.browser)["openportability.json"])
    assert [one["actor_id"] for one in taken["copies"]] == [copy["id"]]

    plan = place.plan(alice)
    (row,) = read_all(alice.browser, f"/plans/{_id(plan)}/rows")
    assert (row["actor_id"], row["decision"]) == (copy["id"], "bridged")
    page = alice.browser.get(plan).words
    assert "On Sky also follow copies of people who are not there: 1" in page
    assert "only as a copy" in page
    place.start(alice, plan)
    assert not place.follows(alice)
    plan = place.plan(alice)
    (form,) = (one for one in alice.browser.get(plan).forms if one.action == f"{plan}/start")
    assert "bridged" not in form.fields
    place.start(alice, plan, bridged="sky")
    assert list(place.follows(alice)) == [copy["id"]]
    assert ledger(alice.browser) == {("sky", copy["id"]): "followed"}
    assert copy["handle"] in alice.browser.get("/reconnect/ledger").words

    # Bob takes it back: the bridge is asked no more; what Alice follows is hers to undo.
    choose(bob.browser, bridged="off")
    assert copy["handle"] not in bob.browser.get("/settings").words
    assert list(place.follows(alice)) == [copy["id"]]
    alice.browser.get("/reconnect")
    submit(alice.browser, "/reconnect/undo")
    place.later()
    assert not place.follows(alice)
    assert read_all(alice.browser, f"/plans/{_id(place.plan(alice))}/rows") == []


def _id(plan: str) -> str:
    return plan.rpartition("/")[2]
