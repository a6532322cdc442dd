"""Forged lists: what the owner of one learns in a day, and what one does to people whom it names."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import answered, match_sets
from openportability.db.site_schema import tallies
from openportability.domain import Found, Proof, UserId
from openportability.matching import service as matching
from openportability.matching import store, sweep
from openportability.matching.service import Selection
from openportability.privacy import service as privacy
from openportability.site import Site
from openportability.web import store as counts
from tests import cast
from tests.cast import NEW, OLD

MALLORY, CLAIMED = 66, 77
#: In place of 20,000 and 500.
A_DAY, A_DAY_CLAIMED = 5, 2


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    given = {
        "OPENPORTABILITY_ANSWERS_A_DAY": str(A_DAY),
        "OPENPORTABILITY_ANSWERS_A_DAY_CLAIMED": str(A_DAY_CLAIMED),
    }
    return cast.make_site(db, clock, given=given)


def crowd(site: Site, count: int, found: Found = Found.ANYONE) -> list[UserId]:
    people = [cast.join(site, OLD, number, found=found).user for number in range(1, count + 1)]
    site.engine.turn()
    return people


def counted(site: Site, user: UserId) -> list[int]:
    with site.db.read() as tx:
        mine = select(answered.c.n).where(answered.c.user_id == user).order_by(answered.c.day)
        return list(tx.execute(mine).scalars())


def waiting(site: Site) -> list[UserId]:
    with site.db.read() as tx:
        wait = select(match_sets.c.user_id).where(match_sets.c.again_at.is_not(None))
        return [UserId(user) for user in tx.execute(wait).scalars()]


def in_all(site: Site, user: UserId) -> set[UserId]:
    with site.db.read() as tx:
        return {match.user for match in matching.chosen(tx, site, user, Selection())}


def test_a_list_of_all_ids_learns_no_more_than_a_days_answers(
    site: Site, clock: MovedClock
) -> None:
    people = crowd(site, 12)
    mallory = cast.join(site, OLD, MALLORY).user
    cast.bring(site, mallory, OLD, following=range(1, 60))
    for _ in range(3):  # looked at again on the same day, there is nothing more
        site.engine.turn()
        sweep.match_lists(site, mallory)
        first = set(cast.seen_by(site, mallory))
        assert len(first) == A_DAY
        assert in_all(site, mallory) == first
    assert (counted(site, mallory), waiting(site)) == ([A_DAY], [mallory])
    clock.forward(days=1)
    site.engine.turn()
    second = set(cast.seen_by(site, mallory))
    assert first < second
    assert len(second) == 2 * A_DAY
    clock.forward(days=1)
    site.engine.turn()
    assert set(cast.seen_by(site, mallory)) == set(people)
    assert (counted(site, mallory), waiting(site)) == ([A_DAY, A_DAY, 2], [])
    assert not any(match.arrived for match in cast.seen_by(site, mallory).values())


def test_another_list_on_the_same_day_learns_nothing_more(site: Site) -> None:
    crowd(site, 12)
    mallory = cast.join(site, OLD, MALLORY).user
    learnt: set[UserId] = set()
    for start in (1, 4, 7):
        cast.bring(site, mallory, OLD, following=range(start, start + 6))
        site.engine.turn()
        learnt |= set(cast.seen_by(site, mallory))
    assert len(learnt) == A_DAY


def test_who_only_claims_to_be_somebody_learns_less(site: Site, clock: MovedClock) -> None:
    people = crowd(site, 6)
    mallory = cast.join(site, NEW, MALLORY).user
    cast.join(site, OLD, CLAIMED, user=mallory, proof=Proof.CLAIMED)
    cast.bring(site, mallory, OLD, following=range(1, 60))
    for days in (1, 2, 3):
        site.engine.turn()
        assert len(cast.seen_by(site, mallory)) == A_DAY_CLAIMED * days
        clock.forward(days=1)
    assert set(cast.seen_by(site, mallory)) == set(people)


@pytest.mark.parametrize("found", [Found.CONFIRMED, Found.NOBODY])
def test_who_is_not_found_by_anyone_is_neither_shown_nor_counted(site: Site, found: Found) -> None:
    crowd(site, 6, found)
    mallory = cast.join(site, OLD, MALLORY).user
    cast.bring(site, mallory, OLD, following=range(1, 60))
    site.engine.turn()
    assert cast.seen_by(site, mallory) == {}
    assert (counted(site, mallory), waiting(site)) == ([], [])


def test_whose_own_list_confirms_me_is_shown_beyond_the_days_answers(site: Site) -> None:
    people = crowd(site, 9)
    for user in people:
        cast.bring(site, user, OLD, followers=[MALLORY])
    alice = cast.join(site, OLD, MALLORY).user
    cast.bring(site, alice, OLD, following=range(1, 60))
    site.engine.turn()
    assert set(cast.seen_by(site, alice)) == set(people)
    assert counted(site, alice) == []


def test_an_ordinary_import_passes_whole(db: Database, clock: MovedClock) -> None:
    site = cast.make_site(db, clock)
    people = crowd(site, 30)
    alice = cast.join(site, OLD, MALLORY).user
    cast.bring(site, alice, OLD, following=range(1, 60))
    site.engine.turn()
    assert set(cast.seen_by(site, alice)) == set(people)
    assert counted(site, alice) == [30]
    with site.db.write() as tx:
        store.forget_old_answers(tx, clock.now())
    assert counted(site, alice) == [30]
    clock.forward(days=32)
    site.engine.turn()
    assert counted(site, alice) == []


def test_who_came_while_no_answer_was_left_has_still_arrived(site: Site, clock: MovedClock) -> None:
    crowd(site, A_DAY)
    alice = cast.join(site, OLD, MALLORY).user
    cast.bring(site, alice, OLD, following=range(1, 60))
    site.engine.turn()
    dave = cast.join(site, OLD, 40).user
    site.engine.turn()
    assert dave not in cast.seen_by(site, alice)
    clock.forward(days=1)
    site.engine.turn()
    assert cast.seen_by(site, alice)[dave].arrived


def test_a_forged_list_of_followers_is_part_of_all_for_nobody_who_brought_a_list(
    site: Site,
) -> None:
    people = crowd(site, 3)
    cast.bring(site, people[0], OLD, following=[2])
    cast.bring(site, people[1], OLD, following=[MALLORY])
    mallory = cast.join(site, OLD, MALLORY).user
    cast.bring(site, mallory, OLD, followers=range(1, 60))
    site.engine.turn()
    against, for_them, without = (cast.seen_by(site, user)[mallory] for user in people)
    assert (against.unlisted, for_them.unlisted, without.unlisted) == (True, False, False)
    assert [mallory in in_all(site, user) for user in people] == [False, True, True]
    cast.bring(site, people[0], OLD, following=[2, MALLORY])
    site.engine.turn()
    assert mallory in in_all(site, people[0])


@pytest.mark.parametrize("how", ["leaves", "unlinks"])
def test_who_goes_and_comes_again_has_no_new_day(site: Site, clock: MovedClock, how: str) -> None:
    crowd(site, 12)
    mallory = cast.join(site, OLD, MALLORY)
    cast.join(site, NEW, MALLORY, user=mallory.user)
    asked = range(1, 60)
    cast.bring(site, mallory.user, OLD, following=asked)
    site.engine.turn()
    assert len(cast.seen_by(site, mallory.user)) == A_DAY
    for again in (1, 2):
        if how == "leaves":
            privacy.leave(site, mallory.user)
        else:
            # To hold it in between as somebody who has a day of their own gives no other either.
            other = cast.join(site, NEW, 500 + again).user
            cast.unlink(site, mallory)
            cast.unlink(site, cast.join(site, OLD, MALLORY, user=other))
        mallory = cast.join(site, OLD, MALLORY)
        cast.join(site, NEW, MALLORY + again, user=mallory.user)
        cast.bring(site, mallory.user, OLD, following=asked)
        site.engine.turn()
        assert cast.seen_by(site, mallory.user) == {}
    clock.forward(days=1)
    site.engine.turn()
    assert len(cast.seen_by(site, mallory.user)) == A_DAY


def test_of_who_goes_a_number_is_left_for_a_day_and_nobody_s_name(
    site: Site, clock: MovedClock
) -> None:
    crowd(site, 12)
    mallory = cast.join(site, OLD, MALLORY).user
    claimant = cast.join(site, NEW, 1).user
    cast.join(site, OLD, CLAIMED, user=claimant, proof=Proof.CLAIMED)
    for user in (mallory, claimant):
        cast.bring(site, user, OLD, following=range(1, 60))
    site.engine.turn()
    for user in (mallory, claimant):
        privacy.leave(site, user)
    with site.db.read() as tx:
        rows = tx.execute(select(tallies)).all()
    # Of the claim nothing: it would be taken from whose account it is.
    assert sorted(row.n for row in rows) == [A_DAY_CLAIMED, A_DAY]
    clock.forward(hours=25)
    with site.db.write() as tx:
        counts.forget_past(tx, clock.now())
        assert tx.execute(select(tallies)).all() == []
