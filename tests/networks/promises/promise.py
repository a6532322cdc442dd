"""What a promise is, and the small steps that promises are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from openportability.domain import Actor, Grant, Purpose, Relationship, Wanted
from openportability.network import Answers, Destination
from tests.networks.subject import Can, Subject, Variant

Check = Callable[[Subject], None]


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One promise of the contract."""

    name: str
    needs: frozenset[Can]
    check: Check

    def applies_to(self, variant: Variant) -> bool:
        """Say whether this variant can be held to it."""
        return self.needs.isdisjoint(variant.cannot)


PROMISES: list[Promise] = []


def promise(*needs: Can) -> Callable[[Check], Check]:
    """Add a check to the suite."""

    def add(check: Check) -> Check:
        PROMISES.append(Promise(name=check.__name__, needs=frozenset(needs), check=check))
        return check

    return add


def destination_of(subject: Subject) -> Destination:
    """Return the destination of a network that has one."""
    assert subject.network.destination
    return subject.network.destination


def grant_of(subject: Subject, who: Actor, purpose: Purpose = Purpose.FOLLOW) -> Grant:
    """Sign in as somebody and return the grant that they gave."""
    grant = subject.sign_in(who, purpose).grant
    assert grant
    if purpose is Purpose.FOLLOW:
        assert grant.can_follow
    return grant


def want(actor: Actor, *, record: str | None = None) -> Wanted:
    """Return the wish to follow an actor, or to take that back."""
    return Wanted(actor=actor, record=record)


def reserved(subject: Subject, actor: Actor) -> Wanted:
    """Return the wish to follow an actor, with the record it will have."""
    (wanted,) = reserved_all(subject, [actor])
    return wanted


def reserved_all(subject: Subject, actors: list[Actor]) -> list[Wanted]:
    """Return the wishes to follow these actors, with the records they will have."""
    records = destination_of(subject).reserve(len(actors))
    return [want(actor, record=record) for actor, record in zip(actors, records, strict=True)]


def follow(subject: Subject, grant: Grant, *wanted: Wanted) -> Answers:
    """Follow in one call."""
    return destination_of(subject).follow(grant, wanted)


def look(subject: Subject, grant: Grant, actor: Actor) -> Relationship:
    """Return what is between the owner of a grant and one actor now."""
    return relationship_to(destination_of(subject).relationships(grant, [want(actor)]), actor)


def relationship_to(answers: Answers, actor: Actor) -> Relationship:
    """Return the answer about one actor, which must be no error."""
    answer = answers.of[actor.id]
    assert isinstance(answer, Relationship), answer
    return answer


def everyone_followed(subject: Subject, grant: Grant) -> set[str]:
    """Return whom the owner of a grant follows. Pages must not overlap, nor go round."""
    found: set[str] = set()
    cursor, seen = None, set[str]()
    while True:
        page = destination_of(subject).following(grant, cursor)
        assert found.isdisjoint(page.actors)
        found |= page.actors
        cursor = page.cursor
        if cursor is None:
            return found
        assert cursor not in seen
        seen.add(cursor)
