"""A network refuses one after the other: Alice is told what is the matter and what to do, and goes on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from openportability.domain import Grant, NetworkName, Wanted
from openportability.errors import Flagged
from openportability.network import Answers
from tests.house import House
from tests.journeys.neighbourhood import Neighbourhood
from tests.journeys.steps import ledger, submit


def test_who_is_halted_reads_why_and_what_to_do(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Neighbourhood(house)
    alice, bob = place.somebody(), place.somebody()
    for one in (alice, bob):
        place.join(one)
    place.bring(alice, following=[bob])
    destination = house.site.networks[NetworkName(place.new)].destination

    def refuses(_grant: Grant, _wanted: Sequence[Wanted]) -> Answers:
        raise Flagged("net.many_refused")

    with monkeypatch.context() as refused:
        refused.setattr(destination, "follow", refuses)
        place.reconnect(alice)
    page = alice.browser.get("/reconnect")
    for words in ("Several follows in a row were refused by", "See whether it is limited"):
        assert words in page.words
    assert ledger(alice.browser)[bob.place] == "ready"
    submit(alice.browser, "/reconnect/resume")
    place.later()
    assert ledger(alice.browser)[bob.place] == "followed"
    assert "See whether it is limited" not in alice.browser.get("/reconnect").words
