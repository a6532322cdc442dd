"""Make the follows, blocks or mutes of a slice: look, ask, record. What is there already is recorded, not asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from openportability.domain import Grant, Relationship
from openportability.errors import NetworkError
from openportability.network import Answers
from openportability.reconnection import claiming, rules, waves
from openportability.reconnection.claiming import Slice
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.recording import Judge, Step, Then
from openportability.reconnection.rules import Decision, State

#: A call to a network: answers for rows.
Call = Callable[[Sequence[Reconnection]], Answers]


def looked(work: Slice, grant: Grant, now: datetime) -> Step:
    """Look how things stand with all rows of a slice; what is not there yet is asked for next."""
    seen = work.way(grant).look(grant, work.wanted([*work.follow, *work.look]))
    judged = _judged(work, lambda row: claiming.answer_of(seen, work.actor(row)), now)
    return Step(work=work, then=Then.FOLLOW, judged=judged)


def unlooked(work: Slice, error: NetworkError, now: datetime) -> list[tuple[Reconnection, Judge]]:
    """Say what it means for all rows of a slice that looking at them failed."""
    return _judged(work, lambda _row: error, now)


def call(work: Slice, grant: Grant) -> Call:
    """Return how they are asked for."""
    return lambda rows: work.way(grant).make(grant, work.wanted(rows))


def meaning(answer: Relationship | NetworkError, row: Reconnection, now: datetime) -> Decision:
    """Say what an answer to a follow, block or mute means for its row."""
    if isinstance(answer, NetworkError):
        return rules.after(waves.meant(answer, row), attempts=row.attempts, now=now)
    return rules.followed(answer, attempts=row.attempts, now=now)


def _judged(
    work: Slice, answer: Callable[[Reconnection], Relationship | NetworkError], now: datetime
) -> list[tuple[Reconnection, Judge]]:
    found: list[tuple[Reconnection, Judge]] = [
        (row, partial(_looked, answer(row), now=now)) for row in work.look
    ]
    return found + [(row, partial(_seen, work, answer(row), now=now)) for row in work.follow]


def _seen(
    work: Slice, answer: Relationship | NetworkError, row: Reconnection, now: datetime
) -> Decision | None:
    if isinstance(answer, NetworkError):
        return rules.unseen(answer, attempts=row.attempts, now=now)
    found = rules.seen(
        answer,
        asked_at=row.asked_at,
        record=row.record,
        attempts=row.attempts,
        wanted=work.may_be_followed(row),
        now=now,
    )
    if found is not None and found.state is State.CANCELLED and row.held is None:
        return replace(found, reason=rules.UNAVAILABLE)
    return found


def _looked(answer: Relationship | NetworkError, row: Reconnection, now: datetime) -> Decision:
    if row.state is State.HANDED:
        return rules.imported(answer, attempts=row.attempts, now=now)
    if isinstance(answer, NetworkError):
        return rules.unlooked(answer, attempts=row.attempts, now=now)
    return rules.looked(answer, shown=row.shown, attempts=row.attempts, now=now)
