"""Whom a person blocked: told to them as far as a list may tell anything, and never a match."""

from __future__ import annotations

import pytest

from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import Found, Proof, UserId
from openportability.matching import service as matching
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD

ALICE, FIRST = 1, 100


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock, given={"OPENPORTABILITY_ANSWERS_A_DAY": "3"})


def blocked(site: Site, user: UserId) -> set[UserId]:
    with site.db.read() as tx:
        return {account.user for account in matching.blocked(tx, site, user)}


def test_blocked_people_are_told_by_day_as_matches_are(site: Site, clock: MovedClock) -> None:
    alice = cast.join(site, OLD, ALICE).user
    others = [cast.join(site, OLD, number).user for number in range(FIRST, FIRST + 5)]
    cast.join(site, NEW, FIRST, user=others[0])
    cast.bring(site, alice, OLD, following=[FIRST], blocked=range(FIRST + 1, FIRST + 5))
    site.engine.turn()
    assert set(cast.seen_by(site, alice)) == {others[0]}
    assert len(blocked(site, alice)) == 2
    clock.forward(hours=25)
    site.engine.turn()
    assert blocked(site, alice) == set(others[1:])
    assert set(cast.seen_by(site, alice)) == {others[0]}


def test_who_hides_or_only_claims_is_not_told(site: Site) -> None:
    alice = cast.join(site, OLD, ALICE).user
    cast.join(site, OLD, FIRST, found=Found.NOBODY)
    cast.join(site, OLD, FIRST + 1, found=Found.CONFIRMED)
    cast.join(site, OLD, FIRST + 2, proof=Proof.CLAIMED)
    muted = cast.join(site, OLD, FIRST + 3).user
    cast.bring(site, alice, OLD, blocked=range(FIRST, FIRST + 3), muted=[FIRST + 3])
    site.engine.turn()
    assert blocked(site, alice) == set()
    assert muted not in cast.seen_by(site, alice)


def test_a_stranger_whom_a_blocked_person_claims_to_be_is_not_told(site: Site) -> None:
    alice = cast.join(site, OLD, ALICE).user
    troll = cast.join(site, OLD, FIRST)
    cast.join(site, NEW, FIRST + 1, user=troll.user, proof=Proof.CLAIMED)
    cast.bring(site, alice, OLD, blocked=[FIRST])
    site.engine.turn()
    with site.db.read() as tx:
        assert matching.blocked(tx, site, alice) == [troll]
