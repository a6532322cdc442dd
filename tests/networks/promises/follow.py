"""Looking, following, and taking back."""

from __future__ import annotations

from contextlib import suppress

import pytest

from openportability.domain import Purpose, Tie
from openportability.errors import SignedOut, Unavailable
from tests.networks.promises.promise import (
    destination_of,
    everyone_followed,
    follow,
    grant_of,
    look,
    promise,
    relationship_to,
    reserved,
    reserved_all,
    want,
)
from tests.networks.subject import Can, Subject


@promise(Can.FOLLOW)
def strangers_have_no_tie(subject: Subject) -> None:
    grant = grant_of(subject, subject.person())
    others = [subject.person(), subject.person()]
    answers = destination_of(subject).relationships(grant, [want(other) for other in others])
    assert answers.of.keys() == {other.id for other in others}
    assert all(relationship_to(answers, other).tie is Tie.NONE for other in others)


@promise(Can.FOLLOW)
def who_was_followed_is_followed(subject: Subject) -> None:
    who, other = subject.person(), subject.person()
    grant = grant_of(subject, who)
    answer = relationship_to(follow(subject, grant, reserved(subject, other)), other)
    assert answer.tie in {Tie.FOLLOWING, Tie.REQUESTED}
    subject.settle()
    assert look(subject, grant, other).tie is Tie.FOLLOWING
    assert subject.follows(who) == [other.id]
    assert everyone_followed(subject, grant) == {other.id}


@promise(Can.FOLLOW)
def a_full_batch_is_answered_for_everybody(subject: Subject) -> None:
    who = subject.person()
    grant = grant_of(subject, who)
    others = [subject.person() for _ in range(min(destination_of(subject).limits.batch, 5))]
    answers = follow(subject, grant, *reserved_all(subject, others))
    assert answers.of.keys() == {other.id for other in others}
    subject.settle()
    assert sorted(subject.follows(who)) == sorted(other.id for other in others)


@promise(Can.FOLLOW)
def following_twice_leaves_one(subject: Subject) -> None:
    who, other = subject.person(), subject.person()
    grant, wanted = grant_of(subject, who), reserved(subject, other)
    follow(subject, grant, wanted)
    subject.settle()
    # Where a used key is refused as if the server was broken, the next look tells.
    with suppress(Unavailable):
        follow(subject, grant, wanted)
    subject.settle()
    assert subject.follows(who) == [other.id]
    assert look(subject, grant, other).tie is Tie.FOLLOWING


@promise(Can.FOLLOW)
def a_follow_made_by_hand_is_seen(subject: Subject) -> None:
    who, other = subject.person(), subject.person()
    grant = grant_of(subject, who)
    subject.follow_by_hand(who, other)
    subject.settle()
    assert look(subject, grant, other).tie is Tie.FOLLOWING
    assert everyone_followed(subject, grant) == {other.id}


@promise(Can.FOLLOW, Can.PAGES)
def all_pages_together_hold_everybody_once(subject: Subject) -> None:
    who = subject.person()
    grant = grant_of(subject, who)
    expected = subject.fill_pages(who)
    subject.settle()
    assert everyone_followed(subject, grant) == expected


@promise(Can.FOLLOW, Can.SCOPE)
def a_grant_to_identify_cannot_follow(subject: Subject) -> None:
    who, other = subject.person(), subject.person()
    grant = grant_of(subject, who, Purpose.IDENTIFY)
    assert not grant.can_follow
    with pytest.raises(SignedOut):
        follow(subject, grant, reserved(subject, other))
    assert subject.follows(who) == []


@promise(Can.FOLLOW)
def reserved_records_never_repeat(subject: Subject) -> None:
    destination = destination_of(subject)
    records = [*destination.reserve(500), *destination.reserve(500)]
    assert len(records) == 1_000
    chosen = [record for record in records if record is not None]
    assert len(chosen) in {0, 1_000}
    assert len(set(chosen)) == len(chosen)


@promise(Can.FOLLOW, Can.RECORD)
def the_follow_that_is_found_carries_the_record_we_chose(subject: Subject) -> None:
    other = subject.person()
    grant, wanted = grant_of(subject, subject.person()), reserved(subject, other)
    made = relationship_to(follow(subject, grant, wanted), other)
    subject.settle()
    found = relationship_to(destination_of(subject).relationships(grant, [wanted]), other)
    assert wanted.record
    assert made.record
    assert made.record == found.record
    assert made.record.startswith(wanted.record)


@promise(Can.FOLLOW)
def unfollowing_takes_back_ours_only(subject: Subject) -> None:
    who, ours, theirs = subject.person(), subject.person(), subject.person()
    grant, wanted = grant_of(subject, who), reserved(subject, ours)
    subject.follow_by_hand(who, theirs)
    made = relationship_to(follow(subject, grant, wanted), ours)
    subject.settle()
    back = want(ours, record=made.record or wanted.record)
    for _ in range(2):
        destination_of(subject).unfollow(grant, [back])
        subject.settle()
        assert subject.follows(who) == [theirs.id]
        assert look(subject, grant, ours).tie is Tie.NONE


@promise(Can.FOLLOW, Can.RECORD)
def a_follow_made_again_by_hand_stays(subject: Subject) -> None:
    who, other = subject.person(), subject.person()
    grant, wanted = grant_of(subject, who), reserved(subject, other)
    made = relationship_to(follow(subject, grant, wanted), other)
    subject.settle()
    subject.unfollow_by_hand(who, other)
    subject.follow_by_hand(who, other)
    subject.settle()
    back = want(other, record=made.record or wanted.record)
    answer = relationship_to(destination_of(subject).unfollow(grant, [back]), other)
    assert answer.tie is Tie.FOLLOWING
    assert subject.follows(who) == [other.id]
