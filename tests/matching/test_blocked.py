"""Whom a person blocked or muted: told to them as far as a list may tell anything, and never a match."""

from __future__ import annotations

import pytest

from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import Found, Kind, Proof, UserId
from openportability.matching import service as matching
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD

ALICE, FIRST = 1, 100


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock, given={"OPENPORTABILITY_ANSWERS_A_DAY": "3"})


def avoided(site: Site, user: UserId, kind: Kind) -> set[UserId]:
    with site.db.read() as tx:
        return {account.user for account in matching.avoided(tx, site, user)[kind]}


def blocked(site: Site, user: UserId) -> set[UserId]:
    return avoided(site, user, Kind.BLOCKED)


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
    numbers = range(FIRST, FIRST + 3)
    for lists in ({"blocked": numbers}, {"blocked": (), "following": numbers, "muted": numbers}):
        cast.bring(site, alice, OLD, **lists)
        site.engine.turn()
        assert blocked(site, alice) == avoided(site, alice, Kind.MUTED) == set()
    assert cast.seen_by(site, alice) == {}


def test_who_was_muted_is_told_as_such_unless_blocked_and_for_an_answer_each(
    site: Site, clock: MovedClock
) -> None:
    alice = cast.join(site, OLD, ALICE).user
    both = cast.join(site, OLD, FIRST).user
    muted = [cast.join(site, OLD, number).user for number in range(FIRST + 1, FIRST + 4)]
    cast.join(site, OLD, FIRST + 4)  # never followed, and so never told
    numbers = range(FIRST + 1, FIRST + 4)
    cast.bring(site, alice, OLD, following=numbers, blocked=[FIRST], muted=range(FIRST, FIRST + 5))
    site.engine.turn()
    assert len(blocked(site, alice) | avoided(site, alice, Kind.MUTED)) == 3
    clock.forward(hours=25)
    site.engine.turn()
    assert (blocked(site, alice), avoided(site, alice, Kind.MUTED)) == ({both}, set(muted))
    assert cast.seen_by(site, alice) == {}


def test_a_stranger_whom_a_blocked_person_claims_to_be_is_not_told(site: Site) -> None:
    alice = cast.join(site, OLD, ALICE).user
    troll = cast.join(site, OLD, FIRST)
    cast.join(site, NEW, FIRST + 1, user=troll.user, proof=Proof.CLAIMED)
    cast.bring(site, alice, OLD, blocked=[FIRST])
    site.engine.turn()
    with site.db.read() as tx:
        assert matching.avoided(tx, site, alice)[Kind.BLOCKED] == [troll]
