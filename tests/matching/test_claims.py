"""Several who claim one actor, beside a proof or without: what others see, and what nobody can tell."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from openportability.accounts import service as accounts
from openportability.accounts import unlisting
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import answered
from openportability.domain import Found, Proof, Purpose, UserId
from openportability.matching import service as matching
from openportability.matching.seen import Filter
from openportability.matching.service import Selection
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD

ALICE, CAROL = 11, 33
#: In place of 20,000.
A_DAY = 3


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock, given={"OPENPORTABILITY_ANSWERS_A_DAY": str(A_DAY)})


def claimant(site: Site, number: int) -> UserId:
    """Somebody who is themselves on the new network, and says to have been Carol on the old."""
    user = cast.join(site, NEW, number).user
    cast.join(site, OLD, CAROL, user=user, proof=Proof.CLAIMED)
    return user


def alice(site: Site) -> UserId:
    user = cast.join(site, OLD, ALICE).user
    cast.bring(site, user, OLD, following=[CAROL])
    return user


def test_where_the_proof_is_shown_no_claim_is(site: Site) -> None:
    early = claimant(site, 1)
    me = alice(site)
    site.engine.turn()
    assert set(cast.seen_by(site, me)) == {early}
    carol = cast.join(site, OLD, CAROL).user
    claimant(site, 2)
    site.engine.turn()
    assert set(cast.seen_by(site, me)) == {carol}


@pytest.mark.parametrize("carol_came", [False, True])
@pytest.mark.parametrize("first", [False, True], ids=["after the claim", "before the claim"])
def test_nobody_can_tell_by_a_claim_that_somebody_hidden_is_here(
    site: Site, carol_came: bool, first: bool
) -> None:
    me = alice(site)
    if carol_came and first:
        cast.join(site, OLD, CAROL, found=Found.NOBODY)
    forger = claimant(site, 1)
    cast.bring(site, forger, OLD, following=[ALICE], followers=[ALICE])
    if carol_came and not first:
        cast.join(site, OLD, CAROL, found=Found.NOBODY)
    site.engine.turn()
    # With two members of their own an attacker sees both sides: they look the same, whoever hides.
    match = cast.seen_by(site, me)[forger]
    assert (match.proof, match.evidence.mutual) == (Proof.CLAIMED, True)
    assert set(cast.seen_by(site, forger)) == {me}


def test_many_claims_are_one_answer_and_one_line(site: Site) -> None:
    forgers = [claimant(site, number) for number in range(1, 3 * A_DAY)]
    others = [cast.join(site, OLD, number).user for number in (50, 51)]
    me = cast.join(site, OLD, ALICE).user
    cast.bring(site, me, OLD, following=[CAROL, 50, 51])
    site.engine.turn()
    assert set(cast.seen_by(site, me)) == {forgers[0], *others}
    with site.db.read() as tx:
        spent = select(answered.c.n).where(answered.c.user_id == me)
        assert tx.execute(spent).scalars().all() == [A_DAY]


def test_who_is_picked_by_hand_only_comes_last_however_mutual(site: Site) -> None:
    """A forged list can hold any tie: it puts nobody above those whom I followed."""
    me = cast.join(site, OLD, ALICE).user
    friend = cast.join(site, OLD, 50).user
    forger, stranger = claimant(site, 1), cast.join(site, OLD, 51).user
    cast.bring(site, me, OLD, following=[CAROL, 50])
    for user in (forger, stranger):
        cast.bring(site, user, OLD, following=[ALICE], followers=[ALICE])
    site.engine.turn()
    with site.db.read() as tx:
        shown = matching.matches_of(tx, site, me)
    assert [match.evidence.mutual for match in shown] == [False, True, True]
    assert shown[0].user == friend


def test_a_proof_that_goes_lets_the_claim_be_seen(site: Site) -> None:
    carol = cast.join(site, OLD, CAROL)
    cast.join(site, NEW, 44, user=carol.user)
    forger = claimant(site, 1)
    me = alice(site)
    site.engine.turn()
    assert set(cast.seen_by(site, me)) == {carol.user}
    cast.unlink(site, carol)
    site.engine.turn()
    assert set(cast.seen_by(site, me)) == {forger}


@pytest.mark.parametrize("asked", ["before the claim", "after the claim"])
def test_nobody_is_led_by_a_claim_to_who_is_never_to_be_listed(site: Site, asked: str) -> None:
    me = alice(site)
    if asked == "before the claim":
        says(site, unlisting.NEVER)
    forger = claimant(site, 1)
    cast.bring(site, forger, OLD, following=[ALICE], followers=[ALICE])
    cast.join(site, NEW, ALICE, user=me)
    site.engine.turn()
    if asked == "after the claim":
        says(site, unlisting.NEVER)
    # The forger sees what any claim shows; the others nothing of it.
    assert set(cast.seen_by(site, forger)) == {me}
    assert cast.seen_by(site, me) == {}
    # Found elsewhere, the forger is no Carol there either.
    cast.bring(site, me, NEW, following=[1])
    site.engine.turn()
    (match,) = cast.seen_by(site, me).values()
    assert {account.actor.network for account in match.accounts} == {NEW}
    assert not match.evidence.mutual
    for text, users in ((f"person{CAROL}", set()), ("person1", {forger})):
        with site.db.read() as tx:
            chosen = matching.chosen(tx, site, me, Selection(filter=Filter(text=text)))
        assert {one.user for one in chosen} == users
    says(site, unlisting.LIFT)
    site.engine.turn()
    (match,) = cast.seen_by(site, me).values()
    assert {account.actor.network for account in match.accounts} == {OLD, NEW}


def says(site: Site, which: str) -> None:
    """Prove to be Carol, as no member, and say whether she may be listed."""
    state = accounts.begin(
        site,
        OLD,
        typed=str(CAROL),
        purpose=Purpose.IDENTIFY,
        browser="hers",
        user=None,
        expected=None,
        next_path=which,
        language="en",
    )
    assert unlisting.finish(site, OLD, {"state": state}, browser="hers") == which
