"""Looking whom one blocks or mutes, doing so, and taking that back: the same is promised of both."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from openportability.domain import Actor, Deed, Grant, Purpose, Tie, Wanted
from openportability.errors import SignedOut
from openportability.network import Avoidance
from tests.networks.promises.promise import (
    PROMISES,
    Promise,
    grant_of,
    relationship_to,
    want,
)
from tests.networks.subject import Can, Subject

AVOIDS = {Deed.BLOCK: Can.BLOCK, Deed.MUTE: Can.MUTE}

_Check = Callable[[Subject, Deed], None]


def _promise_of_each(*needs: Can) -> Callable[[_Check], _Check]:
    """Add a check to the suite, once for blocks and once for mutes."""

    def add(check: _Check) -> _Check:
        for deed, can in AVOIDS.items():
            name = check.__name__.replace("avoid", deed)
            both = frozenset({can, *needs})
            PROMISES.append(Promise(name=name, needs=both, check=partial(_checked, check, deed)))
        return check

    return add


def _checked(check: _Check, deed: Deed, subject: Subject) -> None:
    check(subject, deed)


def _reserved(avoids: Avoidance, actor: Actor) -> Wanted:
    (record,) = avoids.reserve(1)
    return want(actor, record=record)


def _tie(avoids: Avoidance, grant: Grant, wanted: Wanted) -> Tie:
    return relationship_to(avoids.relationships(grant, [wanted]), wanted.actor).tie


@_promise_of_each()
def whom_one_avoids_is_seen_and_not_followed(subject: Subject, deed: Deed) -> None:
    who, other, stranger = subject.person(), subject.person(), subject.person()
    avoids, grant = subject.network.avoids[deed], grant_of(subject, who, Purpose.AVOID)
    wanted = _reserved(avoids, other)
    assert grant.can_follow
    assert grant.can_avoid == subject.network.avoids.keys()
    assert _tie(avoids, grant, wanted) is Tie.NONE
    made = relationship_to(avoids.make(grant, [wanted]), other)
    assert made.tie is Tie.AVOIDING
    assert subject.avoided(who, deed) == [other.id]
    assert subject.follows(who) == []
    assert _tie(avoids, grant, wanted) is Tie.AVOIDING
    assert _tie(avoids, grant, want(stranger)) is Tie.NONE
    for also, one in subject.network.avoids.items():
        assert also is deed or _tie(one, grant, want(other)) is Tie.NONE


@_promise_of_each()
def to_avoid_no_more_takes_back_ours_only(subject: Subject, deed: Deed) -> None:
    who, ours, others = subject.person(), subject.person(), subject.person()
    avoids, grant = subject.network.avoids[deed], grant_of(subject, who, Purpose(deed))
    assert grant.deeds >= {Deed.FOLLOW, deed}
    first, second = _reserved(avoids, ours), _reserved(avoids, others)
    record = relationship_to(avoids.make(grant, [first]), ours).record
    avoids.make(grant, [second])
    for _ in range(2):
        answers = avoids.take_back(grant, [want(ours, record=record or first.record)])
        assert relationship_to(answers, ours).tie is Tie.NONE
        assert subject.avoided(who, deed) == [others.id]


@_promise_of_each(Can.SCOPE)
def a_grant_to_follow_cannot_avoid(subject: Subject, deed: Deed) -> None:
    who, other = subject.person(), subject.person()
    avoids, grant = subject.network.avoids[deed], grant_of(subject, who)
    assert not grant.can_avoid
    with pytest.raises(SignedOut):
        avoids.make(grant, [_reserved(avoids, other)])
    assert subject.avoided(who, deed) == []
