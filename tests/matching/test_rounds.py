"""Newcomers are met in rounds that end, however long their lists are."""

from __future__ import annotations

import pytest

from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.matching import rounds, sweep
from openportability.site import Site
from tests import cast
from tests.cast import OLD


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock)


def test_newcomers_with_long_lists_come_in_several_rounds(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LINKS", 25)
    alice = cast.join(site, OLD, 1).user
    others = [cast.join(site, OLD, number).user for number in (2, 3, 4)]
    for number, user in enumerate(others, start=2):
        # The first alone has more than a round takes.
        ids = range(1, 41) if number == 2 else range(1, 11)
        cast.bring(site, user, OLD, following=ids, woken=False)
    done = []
    while sweep.newcomers_wait(site):
        done.append(sweep.meet_newcomers(site))
    assert [(one.met, one.full) for one in done] == [(1, True), (1, True), (2, False)]
    assert all(alice in cast.seen_by(site, user) for user in others)
