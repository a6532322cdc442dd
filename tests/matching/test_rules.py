"""Who may be shown to whom, as tables; the words stand in docs/why.md and on the consent page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openportability.clock import EPOCH
from openportability.domain import (
    Account,
    AccountId,
    Evidence,
    Found,
    Key,
    Kind,
    Match,
    NetworkName,
    Proof,
    UserId,
)
from openportability.matching import rules
from openportability.matching.rules import COMBINATIONS, Bit, may_avoid, may_show, told
from tests import cast

LISTED = Bit.THEY_LIST_ME
CONFIRMED = Bit.THEY_LIST_ME | Bit.CONFIRMED


@pytest.mark.parametrize(
    ("bits", "anyone", "confirmed"),
    [
        (Bit.NONE, False, False),
        (Bit.I_FOLLOW, True, False),
        (LISTED, True, False),  # I only claim to be the one they list
        (CONFIRMED, True, True),
        (Bit.I_FOLLOW | LISTED, True, False),
        (Bit.I_FOLLOW | CONFIRMED, True, True),
        # That they followed me gives me nothing.
        (Bit.MY_FOLLOWER, False, False),
        (Bit.THEY_FOLLOW, False, False),
        (Bit.MY_FOLLOWER | Bit.THEY_FOLLOW, False, False),
        # Whom I blocked or muted I am not shown, whatever else lists say.
        (Bit.AVOIDED, False, False),
        (Bit.AVOIDED | Bit.I_FOLLOW | CONFIRMED, False, False),
    ],
)
def test_who_may_be_shown(bits: Bit, anyone: bool, confirmed: bool) -> None:
    assert may_show(bits, Found.ANYONE) is anyone
    assert may_show(bits, Found.CONFIRMED) is confirmed
    assert may_show(bits, Found.NOBODY) is False


@pytest.mark.parametrize(
    ("bits", "told_where"),
    [
        (Bit.AVOIDED | Bit.BLOCKED, True),
        (Bit.AVOIDED | Bit.I_FOLLOW, True),
        (Bit.AVOIDED | LISTED, True),
        # Muted, and never followed.
        (Bit.AVOIDED, False),
        (Bit.AVOIDED | Bit.MY_FOLLOWER | Bit.THEY_FOLLOW, False),
        (Bit.I_FOLLOW, False),
    ],
)
def test_where_somebody_is_whom_i_avoid(bits: Bit, told_where: bool) -> None:
    assert may_avoid(bits, Found.ANYONE) is told_where
    assert may_avoid(bits, Found.CONFIRMED) is False
    assert may_avoid(bits | CONFIRMED, Found.CONFIRMED) is (Bit.AVOIDED in bits)
    assert may_avoid(bits, Found.NOBODY) is False


@pytest.mark.parametrize("bits", [Bit(number) for number in COMBINATIONS])
def test_nobody_is_nobody_and_confirmed_is_narrower_than_anyone(bits: Bit) -> None:
    assert not may_show(bits, Found.NOBODY)
    assert may_show(bits, Found.ANYONE) or not may_show(bits, Found.CONFIRMED)


@pytest.mark.parametrize(
    ("kind", "to_proved", "to_claimed"),
    [
        (Kind.FOLLOWING, Bit.THEY_FOLLOW, Bit.THEY_FOLLOW),
        (Kind.FOLLOWERS, CONFIRMED, LISTED),
        (Kind.BLOCKED, Bit.NONE, Bit.NONE),
        (Kind.MUTED, Bit.NONE, Bit.NONE),
    ],
)
def test_what_a_list_tells_the_one_who_is_in_it(
    kind: Kind, to_proved: Bit, to_claimed: Bit
) -> None:
    assert told(kind, Proof.PROVED) == to_proved
    assert told(kind, Proof.CLAIMED) == to_claimed


def test_bits_come_either_from_my_lists_or_from_theirs() -> None:
    mine, theirs = rules.FROM_MINE, rules.FROM_THEIRS
    assert not mine & theirs
    assert all(rules.MINE[kind] in mine for kind in Kind)
    assert all(told(kind, proof) in theirs for kind in Kind for proof in Proof)


@pytest.mark.parametrize(
    ("bits", "mutual"),
    [
        (Bit.I_FOLLOW, False),
        (Bit.I_FOLLOW | Bit.MY_FOLLOWER, True),  # my two lists
        (CONFIRMED | Bit.THEY_FOLLOW, True),  # their two lists
        (Bit.I_FOLLOW | Bit.THEY_FOLLOW, True),
        (Bit.MY_FOLLOWER | Bit.THEY_FOLLOW, False),
        (Bit.I_FOLLOW | CONFIRMED, False),
    ],
)
def test_a_mutual_follow_goes_both_ways_whoever_says_so(bits: Bit, mutual: bool) -> None:
    assert rules.evidence(bits).mutual is mutual


def test_mutuals_come_first_then_what_both_lists_say() -> None:
    matches = [
        match(2, "adam", i_follow=True),
        match(3, "ben", i_follow=True, they_list_me=True),
        match(4, "Yves", i_follow=True, they_follow=True),
        match(5, "xenia", i_follow=True, they_list_me=True, they_follow=True),
    ]
    assert [found.user for found in sorted(matches, key=ranked)] == [5, 4, 3, 2]


def ranked(match: Match) -> int:
    return rules.rank(match.evidence)


def test_who_only_claims_is_picked_by_hand() -> None:
    assert rules.by_hand_only(match(1, "a", proof=Proof.CLAIMED))
    assert not rules.by_hand_only(match(1, "a", proof=Proof.PROVED))


def test_whom_only_their_list_speaks_for_is_never_followed_without_asking() -> None:
    mine, theirs = match(1, "a", i_follow=True), match(1, "a", they_list_me=True)
    assert rules.unasked(mine)
    assert not rules.unasked(theirs)
    assert not rules.by_hand_only(theirs)
    against_mine = replace(theirs, unlisted=True)
    assert rules.by_hand_only(against_mine)
    assert not rules.unasked(replace(mine, proof=Proof.CLAIMED))


@pytest.mark.parametrize("bits", [Bit(number) for number in COMBINATIONS])
def test_only_a_confirmed_answer_costs_nothing(bits: Bit) -> None:
    assert rules.costs(bits) is (Bit.CONFIRMED not in bits)


def match(
    user: int,
    name: str,
    *,
    proof: Proof = Proof.PROVED,
    i_follow: bool = False,
    they_list_me: bool = False,
    they_follow: bool = False,
) -> Match:
    actor = cast.actor_of(NetworkName("old"), user)
    account = Account(
        id=AccountId(user),
        user=UserId(user),
        actor=replace(actor, name=name),
        key=Key(user),
        proof=proof,
    )
    return Match(
        user=UserId(user),
        evidence=Evidence(i_follow=i_follow, they_list_me=they_list_me, they_follow=they_follow),
        proof=proof,
        since=EPOCH,
        dismissed=False,
        arrived=False,
        sources=(account,),
        accounts=(account,),
    )
