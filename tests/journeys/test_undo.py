"""Alice takes it all back: what we followed for her goes, what she followed by hand stays."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.house import House
from tests.journeys.neighbourhood import Neighbourhood
from tests.journeys.steps import ledger, submit


@pytest.mark.slow
def test_undo_takes_back_ours_and_nothing_else(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob = place.friends()
    new = [place.somebody(), place.somebody()]
    before = place.follows(alice)
    for one in (bob, *new):
        place.join(one)
    place.join(alice, standing="automatic")
    place.bring(alice, following=[bob, *new])
    place.reconnect(alice)
    assert place.follows(alice) == before + Counter(one.new_id for one in new)
    assert "You have done your part" in alice.browser.get("/").words
    alice.browser.get("/reconnect")
    told = submit(alice.browser, "/reconnect/plan").words
    assert "This plan has sent nothing yet." in told
    assert "What is on its way or followed by us already was chosen before" in told

    done = alice.browser.get("/reconnect/ledger?group=done")
    one_back = alice.browser.press("Undo")
    assert one_back.url.endswith("/reconnect/ledger?group=done")
    named = re.search(r"(\w+ \w+): we take it back\.", one_back.words)
    assert named, one_back.words
    assert named[1] in done.words
    overview = alice.browser.get("/reconnect")
    assert "these numbers can be higher than those of your plan" in overview.words
    assert "/reconnect/stop" not in {form.action for form in overview.forms}
    undone = submit(alice.browser, "/reconnect/undo")
    assert "1 follow is being taken back. Who arrives later is still followed" in undone.words
    assert "Taken back 0 / 2" in undone.words
    place.later()
    assert place.follows(alice) == before
    assert "/reconnect/undo" not in {form.action for form in alice.browser.get("/reconnect").forms}
    assert "You took everything back." in alice.browser.get("/").words
    rows = ledger(alice.browser)
    assert {rows[one.place] for one in new} == {"undone"}
    assert rows[bob.place] == "already"
    place.later(minutes=60)
    assert place.follows(alice) == before
