"""Looking whom one blocks, blocking, and taking that back."""

from __future__ import annotations

import pytest

from openportability.domain import Actor, Grant, Purpose, Tie, Wanted
from openportability.errors import SignedOut
from openportability.network import Blocks
from tests.networks.promises.promise import grant_of, promise, relationship_to, reserved, want
from tests.networks.subject import Can, Subject


def _blocks_of(subject: Subject) -> Blocks:
    assert subject.network.blocks
    return subject.network.blocks


def _tie(subject: Subject, grant: Grant, wanted: Wanted, other: Actor) -> Tie:
    return relationship_to(_blocks_of(subject).relationships(grant, [wanted]), other).tie


@promise(Can.BLOCK)
def who_was_blocked_is_blocked_and_not_followed(subject: Subject) -> None:
    who, other, stranger = subject.person(), subject.person(), subject.person()
    grant, wanted = grant_of(subject, who, Purpose.BLOCK), reserved(subject, other)
    assert grant.can_follow
    assert grant.can_block
    assert _tie(subject, grant, wanted, other) is Tie.NONE
    made = relationship_to(_blocks_of(subject).block(grant, [wanted]), other)
    assert made.tie is Tie.BLOCKING
    assert subject.blocks(who) == [other.id]
    assert subject.follows(who) == []
    assert _tie(subject, grant, wanted, other) is Tie.BLOCKING
    assert _tie(subject, grant, want(stranger), stranger) is Tie.NONE


@promise(Can.BLOCK)
def unblocking_takes_back_ours_only(subject: Subject) -> None:
    who, ours, others = subject.person(), subject.person(), subject.person()
    grant = grant_of(subject, who, Purpose.BLOCK)
    first, second = reserved(subject, ours), reserved(subject, others)
    blocks = _blocks_of(subject)
    record = relationship_to(blocks.block(grant, [first]), ours).record
    blocks.block(grant, [second])
    for _ in range(2):
        answers = blocks.unblock(grant, [want(ours, record=record or first.record)])
        assert relationship_to(answers, ours).tie is Tie.NONE
        assert subject.blocks(who) == [others.id]


@promise(Can.BLOCK, Can.SCOPE)
def a_grant_to_follow_cannot_block(subject: Subject) -> None:
    who, other = subject.person(), subject.person()
    grant = grant_of(subject, who)
    assert not grant.can_block
    with pytest.raises(SignedOut):
        _blocks_of(subject).block(grant, [reserved(subject, other)])
    assert subject.blocks(who) == []
