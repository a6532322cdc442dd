"""Mallory only says who she was, by an archive: she is shown, marked, and never among *all*."""

from __future__ import annotations

import pytest

from tests.house import House
from tests.journeys.neighbourhood import Neighbourhood
from tests.journeys.steps import matched, read_all


@pytest.mark.slow
def test_who_only_claims_is_followed_when_picked_by_hand_and_not_otherwise(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob, mallory = (place.somebody() for _ in range(3))
    place.join(bob)
    place.join(mallory, proves_old=False)
    place.bring(mallory, following=[alice], followers=[alice])
    place.join(alice, standing="automatic")
    place.bring(alice, following=[bob, mallory])
    assert matched(alice.browser) >= {bob.place, mallory.place}
    place.reconnect(alice)
    place.later(minutes=60)
    assert place.follows(alice) == {bob.new_id: 1}

    (claimed,) = [
        match["match_id"]
        for match in read_all(alice.browser, "/matches")
        if match["evidence"]["proof"] == "claimed"
    ]
    place.start(alice, place.plan(alice, scope="selection", match_ids=claimed))
    assert place.follows(alice) == {bob.new_id: 1, mallory.new_id: 1}
