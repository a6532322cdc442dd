"""Who is answered, and who is not: the tables of consent, through lists, sweeps and what is shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import Found, Proof, UserId
from openportability.matching import service as matching
from openportability.matching import sweep
from openportability.matching.seen import Filter
from openportability.matching.service import Selection
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD

ALICE, BOB, CAROL, MALLORY = 11, 22, 33, 66


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock)


def in_all(site: Site, user: UserId) -> set[UserId]:
    with site.db.read() as tx:
        return {match.user for match in matching.chosen(tx, site, user, Selection())}


@pytest.mark.parametrize("asker", list(Proof))
@pytest.mark.parametrize("listed", [False, True], ids=["not listed", "listed"])
@pytest.mark.parametrize("found", list(Found))
def test_who_is_answered(site: Site, found: Found, listed: bool, asker: Proof) -> None:
    carol = cast.join(site, OLD, CAROL, found=found).user
    cast.bring(site, carol, OLD, followers=[ALICE] if listed else [])
    alice = cast.join(site, NEW, ALICE, found=Found.NOBODY).user
    cast.join(site, OLD, ALICE, user=alice, proof=asker)
    cast.bring(site, alice, OLD, following=[CAROL])
    site.engine.turn()
    answered = {
        Found.ANYONE: True,
        Found.CONFIRMED: listed and asker is Proof.PROVED,
        Found.NOBODY: False,
    }
    assert (carol in cast.seen_by(site, alice)) is answered[found]


@pytest.mark.parametrize("whose", ["alice's list", "carol's list", "both lists"])
def test_a_claimed_account_is_shown_but_never_part_of_all(site: Site, whose: str) -> None:
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, alice, OLD, following=[CAROL] if whose != "carol's list" else [])
    forger = cast.join(site, NEW, MALLORY).user
    cast.join(site, OLD, CAROL, user=forger, proof=Proof.CLAIMED)
    lists = [ALICE] if whose != "alice's list" else []
    cast.bring(site, forger, OLD, followers=lists, following=lists)
    site.engine.turn()
    match = cast.seen_by(site, alice)[forger]
    assert match.proof is Proof.CLAIMED
    assert not match.arrived
    assert forger not in in_all(site, alice)
    with site.db.read() as tx:
        by_hand = Selection(users=frozenset({forger}))
        assert [found.user for found in matching.chosen(tx, site, alice, by_hand)] == [forger]


def test_who_proves_a_claimed_account_is_who_is_found_and_the_claimant_hears_nothing(
    site: Site,
) -> None:
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, alice, OLD, following=[CAROL])
    forger = cast.join(site, NEW, MALLORY).user
    cast.join(site, OLD, CAROL, user=forger, proof=Proof.CLAIMED)
    cast.bring(site, forger, OLD, following=[ALICE])
    site.engine.turn()
    assert alice in cast.seen_by(site, forger)
    carol = cast.join(site, OLD, CAROL).user
    site.engine.turn()
    assert alice in cast.seen_by(site, forger)
    assert set(cast.seen_by(site, alice)) == {carol}
    assert in_all(site, alice) == {carol}
    assert cast.seen_by(site, alice)[carol].arrived


def test_a_claim_beside_a_proved_account_does_not_borrow_its_proof(site: Site) -> None:
    """Mallory claims to be Alice, then signs in as himself on the same network."""
    carol = cast.join(site, OLD, CAROL, found=Found.CONFIRMED).user
    cast.bring(site, carol, OLD, followers=[ALICE])
    mallory = cast.join(site, OLD, MALLORY).user
    cast.join(site, OLD, ALICE, user=mallory, proof=Proof.CLAIMED)
    site.engine.turn()
    assert cast.seen_by(site, mallory) == {}
    cast.be_found(site, carol, Found.ANYONE)
    site.engine.turn()
    assert set(cast.seen_by(site, mallory)) == {carol}


def test_hiding_acts_at_once_and_showing_again_is_an_arrival(site: Site) -> None:
    carol = cast.join(site, OLD, CAROL).user
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, alice, OLD, following=[CAROL])
    site.engine.turn()
    assert not cast.seen_by(site, alice)[carol].arrived
    cast.be_found(site, carol, Found.NOBODY)
    assert cast.seen_by(site, alice) == {}
    site.engine.turn()
    cast.be_found(site, carol, Found.ANYONE)
    site.engine.turn()
    assert cast.seen_by(site, alice)[carol].arrived


def test_a_narrower_choice_is_no_arrival_for_who_saw_them_before(site: Site) -> None:
    carol = cast.join(site, OLD, CAROL).user
    cast.bring(site, carol, OLD, followers=[ALICE])
    site.engine.turn()
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, alice, OLD, following=[CAROL])
    site.engine.turn()
    for found in (Found.CONFIRMED, Found.ANYONE, Found.CONFIRMED):
        cast.be_found(site, carol, found)
        site.engine.turn()
        assert not cast.seen_by(site, alice)[carol].arrived


def test_people_without_an_archive_are_told_by_who_lists_them(site: Site) -> None:
    bob = cast.join(site, OLD, BOB, found=None).user
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, bob, OLD, followers=[ALICE])
    site.engine.turn()
    assert cast.seen_by(site, alice) == {}  # Bob has not said yet that he may be found
    cast.be_found(site, bob, Found.ANYONE)
    site.engine.turn()
    match = cast.seen_by(site, alice)[bob]
    assert (match.evidence.they_list_me, match.evidence.i_follow) == (True, False)
    assert match.arrived


def test_dave_comes_later_and_has_arrived_for_who_waited(site: Site, clock: MovedClock) -> None:
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, alice, OLD, following=[BOB, CAROL])
    bob = cast.join(site, OLD, BOB).user
    site.engine.turn()
    first = cast.seen_by(site, alice)[bob].since
    clock.forward(days=30)
    dave = cast.join(site, OLD, CAROL).user
    cast.bring(site, dave, OLD, following=[ALICE])
    site.engine.turn()
    seen = cast.seen_by(site, alice)
    assert seen[dave].arrived
    assert seen[dave].since - first >= timedelta(days=29)
    assert seen[bob].since == first
    # Alice was there when Dave's lists came: she is his to choose, and no arrival.
    assert not cast.seen_by(site, dave)[alice].arrived


def test_who_joined_just_before_my_lists_came_has_not_arrived(site: Site) -> None:
    alice = cast.join(site, OLD, ALICE).user
    bob = cast.join(site, OLD, BOB).user
    cast.bring(site, alice, OLD, following=[BOB])
    sweep.match_lists(site, alice)  # before any sweep has seen Bob
    assert sweep.meet_newcomers(site).met
    assert not cast.seen_by(site, alice)[bob].arrived


def test_who_is_where_i_am_not_is_shown_with_all_their_places(site: Site) -> None:
    bob = cast.join(site, OLD, BOB).user
    there = cast.join(site, NEW, 5, user=bob)
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, alice, OLD, following=[BOB])
    site.engine.turn()
    # Alice has no account on the new network, and Bob is not hidden for that.
    assert there.id in {account.id for account in cast.seen_by(site, alice)[bob].accounts}
    assert in_all(site, alice) == {bob}


def test_a_second_network_is_an_arrival(site: Site) -> None:
    bob = cast.join(site, OLD, BOB).user
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, alice, OLD, following=[BOB])
    site.engine.turn()
    assert not cast.seen_by(site, alice)[bob].arrived
    there = cast.join(site, NEW, 5, user=bob)
    site.engine.turn()
    match = cast.seen_by(site, alice)[bob]
    assert match.arrived
    assert there.id in {account.id for account in match.accounts}
    assert there.id not in {account.id for account in match.sources}


def test_whom_i_avoid_on_one_network_is_suggested_on_none(site: Site) -> None:
    bob = cast.join(site, OLD, BOB).user
    cast.join(site, NEW, BOB, user=bob)
    alice = cast.join(site, OLD, ALICE).user
    cast.join(site, NEW, ALICE, user=alice)
    cast.bring(site, alice, NEW, following=[BOB])
    site.engine.turn()
    assert set(cast.seen_by(site, alice)) == {bob}
    cast.bring(site, alice, OLD, muted=[BOB])
    site.engine.turn()
    assert cast.seen_by(site, alice) == {}
    cast.bring(site, alice, OLD, muted=[])
    site.engine.turn()
    assert set(cast.seen_by(site, alice)) == {bob}


def test_a_smaller_list_takes_back_what_the_larger_one_said_on_both_sides(site: Site) -> None:
    bob = cast.join(site, OLD, BOB).user
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, alice, OLD, following=[BOB], followers=[BOB])
    site.engine.turn()
    assert alice in cast.seen_by(site, bob)
    cast.bring(site, alice, OLD, following=[], followers=[])
    site.engine.turn()
    assert cast.seen_by(site, alice) == {}
    assert cast.seen_by(site, bob) == {}


def test_unlinking_takes_its_lists_out_of_my_set_and_of_theirs(site: Site) -> None:
    bob = cast.join(site, OLD, BOB).user
    alice = cast.join(site, NEW, ALICE).user
    old = cast.join(site, OLD, ALICE, user=alice)
    cast.bring(site, alice, OLD, following=[BOB], followers=[BOB])
    cast.bring(site, bob, OLD, followers=[ALICE])
    site.engine.turn()
    cast.unlink(site, old)
    assert cast.seen_by(site, alice) == {}
    assert cast.seen_by(site, bob) == {}
    site.engine.turn()
    assert cast.seen_by(site, alice) == {}
    assert cast.seen_by(site, bob) == {}
    # Linked again, Bob's list speaks again; Alice's own lists are gone for good.
    cast.join(site, OLD, ALICE, user=alice)
    site.engine.turn()
    evidence = cast.seen_by(site, alice)[bob].evidence
    assert (evidence.i_follow, evidence.they_list_me) == (False, True)


def test_who_was_put_aside_stays_aside_until_taken_back(site: Site) -> None:
    bob = cast.join(site, OLD, BOB).user
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, alice, OLD, following=[BOB])
    site.engine.turn()
    assert put_aside(site, alice, bob, dismissed=True) == 1
    cast.join(site, NEW, BOB, user=bob)
    cast.bring(site, alice, OLD, following=[BOB], followers=[BOB])
    site.engine.turn()
    assert cast.seen_by(site, alice)[bob].dismissed
    assert in_all(site, alice) == set()
    assert put_aside(site, alice, bob, dismissed=False) == 1
    assert in_all(site, alice) == {bob}


def test_nobody_is_put_aside_who_is_not_shown(site: Site) -> None:
    carol = cast.join(site, OLD, CAROL, found=Found.NOBODY).user
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, alice, OLD, following=[CAROL])
    site.engine.turn()
    assert put_aside(site, alice, carol, dismissed=True) == 0


def test_a_filter_narrows_by_name_network_and_mutual_follow(site: Site) -> None:
    bob, carol = (cast.join(site, OLD, number).user for number in (BOB, CAROL))
    cast.join(site, NEW, 77, user=carol)
    alice = cast.join(site, OLD, ALICE).user
    cast.bring(site, alice, OLD, following=[BOB, CAROL], followers=[BOB])
    site.engine.turn()
    filters = {
        Filter(): {bob, carol},
        Filter(text=" @PERSON2"): {bob},
        Filter(text="erson 77"): {carol},
        Filter(text="nobody"): set(),
        Filter(network=NEW): {carol},
        Filter(mutual_only=True): {bob},
        Filter(dismissed=True): set(),
    }
    with site.db.read() as tx:
        for by, users in filters.items():
            chosen = matching.chosen(tx, site, alice, Selection(filter=by))
            assert {match.user for match in chosen} == users


def put_aside(site: Site, user: UserId, other: UserId, *, dismissed: bool) -> int:
    with site.db.write() as tx:
        return matching.set_dismissed(tx, site, user, [other], dismissed=dismissed)


def test_whom_i_avoid_no_longer_is_mine_to_choose_and_no_arrival(site: Site) -> None:
    alice = cast.join(site, OLD, ALICE).user
    cast.join(site, NEW, ALICE, user=alice)
    cast.bring(site, alice, NEW, following=[BOB])
    cast.bring(site, alice, OLD, blocked=[BOB])
    site.engine.turn()
    bob = cast.join(site, OLD, BOB).user
    cast.join(site, NEW, BOB, user=bob)
    site.engine.turn()
    cast.bring(site, alice, OLD, blocked=[])
    site.engine.turn()
    assert not cast.seen_by(site, alice)[bob].arrived


def test_who_left_one_network_and_is_found_by_another_has_arrived(site: Site) -> None:
    alice = cast.join(site, NEW, ALICE).user
    old = cast.join(site, OLD, ALICE, user=alice)
    bob = cast.join(site, OLD, BOB, found=Found.NOBODY).user
    cast.join(site, NEW, BOB, user=bob)
    cast.bring(site, bob, OLD, following=[ALICE])
    site.engine.turn()
    assert not cast.seen_by(site, bob)[alice].arrived
    cast.unlink(site, old)
    site.engine.turn()
    assert cast.seen_by(site, bob) == {}
    cast.bring(site, alice, NEW, followers=[BOB])
    site.engine.turn()
    assert cast.seen_by(site, bob)[alice].arrived
