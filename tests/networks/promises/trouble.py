"""What others decide, and what goes wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from openportability.clock import SystemClock
from openportability.domain import Relationship, Tie, Wanted
from openportability.errors import Flagged, Gone, Refused, SignedOut, Throttled, Unavailable
from tests.networks.promises.promise import (
    destination_of,
    follow,
    grant_of,
    look,
    promise,
    relationship_to,
    reserved,
    want,
)
from tests.networks.subject import Can, Fault, Subject


@promise(Can.FOLLOW, Can.LOCK)
def a_locked_account_is_requested_not_followed(subject: Subject) -> None:
    who, shy = subject.person(), subject.person(locked=True)
    grant = grant_of(subject, who)
    answer = relationship_to(follow(subject, grant, reserved(subject, shy)), shy)
    assert answer.tie is Tie.REQUESTED
    subject.settle()
    assert look(subject, grant, shy).tie is Tie.REQUESTED
    subject.approve(shy, asked_by=who)
    subject.settle()
    assert look(subject, grant, shy).tie is Tie.FOLLOWING


@promise(Can.FOLLOW, Can.LOCK)
def a_request_can_be_taken_back(subject: Subject) -> None:
    shy = subject.person(locked=True)
    grant, wanted = grant_of(subject, subject.person()), reserved(subject, shy)
    made = relationship_to(follow(subject, grant, wanted), shy)
    subject.settle()
    destination_of(subject).unfollow(grant, [want(shy, record=made.record or wanted.record)])
    subject.settle()
    assert look(subject, grant, shy).tie is Tie.NONE


@promise(Can.FOLLOW, Can.DELETE)
def a_deleted_actor_is_gone(subject: Subject) -> None:
    other = subject.person()
    grant = grant_of(subject, subject.person())
    subject.delete(other)
    answers = destination_of(subject).relationships(grant, [want(other)])
    assert isinstance(answers.of[other.id], Gone)


@promise(Can.FOLLOW, Can.MOVE)
def who_moved_is_told_with_the_new_place(subject: Subject) -> None:
    other = subject.person()
    grant = grant_of(subject, subject.person())
    new = subject.move(other)
    subject.settle()
    assert look(subject, grant, other).moved_to == new.id
    answer = follow(subject, grant, reserved(subject, other)).of[other.id]
    match answer:
        case Gone(moved_to=moved_to):
            assert moved_to == new.id
        case Relationship(moved_to=moved_to, tie=tie):
            assert (tie, moved_to) == (Tie.NONE, new.id)
        case _:
            assert isinstance(answer, Refused)


@promise(Can.FOLLOW, Can.THROTTLE)
def a_429_says_until_when(subject: Subject) -> None:
    who, other = subject.person(), subject.person()
    grant, wanted = grant_of(subject, who), reserved(subject, other)
    until = subject.fail_next(Fault.THROTTLED)
    with pytest.raises(Throttled) as caught:
        follow(subject, grant, wanted)
    assert until
    assert caught.value.until
    assert abs(caught.value.until - until) < timedelta(seconds=2)
    assert subject.follows(who) == []


@promise(Can.FOLLOW, Can.THROTTLE)
def a_429_without_a_time_names_none(subject: Subject) -> None:
    grant, wanted = grant_of(subject, subject.person()), reserved(subject, subject.person())
    subject.fail_next(Fault.THROTTLED_BLIND)
    with pytest.raises(Throttled) as caught:
        follow(subject, grant, wanted)
    assert caught.value.until is None


@promise(Can.FOLLOW, Can.THROTTLE)
def a_429_with_a_time_gone_by_names_none_of_the_past(subject: Subject) -> None:
    grant, wanted = grant_of(subject, subject.person()), reserved(subject, subject.person())
    subject.fail_next(Fault.THROTTLED_PAST)
    with pytest.raises(Throttled) as caught:
        follow(subject, grant, wanted)
    assert caught.value.until is None or caught.value.until > SystemClock().now()


@promise(Can.FOLLOW, Can.SILENCE)
def a_lost_answer_is_unavailable_and_the_next_look_finds_the_follow(subject: Subject) -> None:
    who, other = subject.person(), subject.person()
    grant, wanted = grant_of(subject, who), reserved(subject, other)
    subject.fail_next(Fault.SILENCE)
    with pytest.raises(Unavailable):
        follow(subject, grant, wanted)
    subject.settle()
    asked = Wanted(actor=wanted.actor, record=wanted.record, asked=True)
    found = relationship_to(destination_of(subject).relationships(grant, [asked]), other)
    assert found.tie is Tie.FOLLOWING
    assert subject.follows(who) == [other.id]


@promise(Can.FOLLOW, Can.BREAK)
def a_broken_server_is_unavailable(subject: Subject) -> None:
    who, other = subject.person(), subject.person()
    grant, wanted = grant_of(subject, who), reserved(subject, other)
    for fault in (Fault.DOWN, Fault.GARBAGE):
        subject.fail_next(fault)
        with pytest.raises(Unavailable):
            follow(subject, grant, wanted)
    assert look(subject, grant, other).tie is Tie.NONE
    follow(subject, grant, wanted)
    subject.settle()
    assert subject.follows(who) == [other.id]


@promise(Can.FOLLOW, Can.WITHDRAW)
def a_withdrawn_grant_is_signed_out(subject: Subject) -> None:
    assert subject.network.sign_in
    other = subject.person()
    grant = grant_of(subject, subject.person())
    subject.withdraw(grant)
    with pytest.raises(SignedOut):
        destination_of(subject).relationships(grant, [want(other)])
    with pytest.raises(SignedOut):
        follow(subject, grant, reserved(subject, other))
    subject.network.sign_in.revoke(grant)


@promise(Can.FOLLOW, Can.GRANT)
def a_revoked_grant_is_signed_out(subject: Subject) -> None:
    assert subject.network.sign_in
    other = subject.person()
    grant = grant_of(subject, subject.person())
    subject.network.sign_in.revoke(grant)
    with pytest.raises(SignedOut):
        follow(subject, grant, reserved(subject, other))


@promise(Can.FOLLOW, Can.FLAG)
def a_flagged_account_is_told_apart_from_a_throttled_one(subject: Subject) -> None:
    who, other = subject.person(), subject.person()
    grant = grant_of(subject, who)
    subject.flag(who)
    with pytest.raises(Flagged):
        follow(subject, grant, reserved(subject, other))
