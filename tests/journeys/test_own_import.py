"""Alice imports her follows herself, in part: who is in her file is not followed by us, until she says so."""

from __future__ import annotations

import pytest

from tests.house import House
from tests.journeys.neighbourhood import Neighbourhood
from tests.journeys.steps import ledger, read, submit

HERD = "herd"


@pytest.mark.slow
def test_a_file_in_place_of_the_lane_and_back(house: House) -> None:
    place = Neighbourhood(house, HERD)
    alice, mallory, *new = (place.somebody() for _ in range(4))
    for one in (mallory, *new):
        place.join(one)
    place.join(alice)
    place.bring(alice, following=new)
    place.start(alice, place.plan(alice), by_file=HERD)
    rows = ledger(alice.browser)
    assert {rows[one.place] for one in new} == {"handed"}
    assert not place.follows(alice)

    page = alice.browser.get("/reconnect")
    assert f"/reconnect/file/{HERD}" in page.text
    made = alice.browser.get(f"/reconnect/file/{HERD}")
    assert sorted(made.text.split()) == sorted(one.new_handle for one in new)
    assert made.text == alice.browser.api("GET", f"/reconnection/{HERD}.csv").text
    assert mallory.browser.api("GET", f"/reconnection/{HERD}.csv").text == ""
    assert alice.browser.api("GET", "/reconnection/bird.csv").status == 404
    (line,) = read(alice.browser, "/reconnection")
    assert line["counts"] == {"handed": len(new)}

    alice.browser.get("/reconnect")
    submit(alice.browser, "/reconnect/file/back")
    place.later()
    assert place.follows(alice).keys() == {one.new_id for one in new}
