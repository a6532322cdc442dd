"""The life of a wanted follow, block or mute, and of a lane, as tables; and what an answer of a network means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from openportability.domain import Relationship, Tie
from openportability.errors import (
    Flagged,
    Gone,
    NetworkError,
    Refused,
    SignedOut,
    Throttled,
    Unavailable,
)


class State(StrEnum):
    """What became of a wanted follow, block or mute; `MEANS` says it in words, for all alike."""

    PROPOSED = "proposed"
    READY = "ready"
    HANDED = "handed"
    REQUESTED = "requested"
    FOLLOWED = "followed"
    ALREADY = "already"
    REFUSED = "refused"
    GONE = "gone"
    UNDOING = "undoing"
    UNDONE = "undone"
    CANCELLED = "cancelled"


S = State

#: Each state in words; docs/reference/states.md is printed from here and from `NEXT`.
MEANS: Mapping[State, str] = {
    S.PROPOSED: "the person is asked: someone arrived, or was in their file and is not followed yet",
    S.READY: "to be done when its lane is served",
    S.HANDED: "in a file that the person imports at the network; looked at there, never sent",
    S.REQUESTED: "sent; the other must approve, or a server confirm; never sent again",
    S.FOLLOWED: "we made it; if removed by hand since, it can be chosen again",
    S.ALREADY: "it was there before us: not ours to undo; if removed by hand, it can be chosen again",
    S.REFUSED: "the network says no; it can be tried again by hand",
    S.GONE: "deleted or suspended at the network; it can be tried again by hand",
    S.UNDOING: "to be taken back",
    S.UNDONE: "taken back",
    S.CANCELLED: "never made: stopped by the person, or the other is not to be found any more",
}

#: Each state and the states that may come after it.
NEXT: Mapping[State, frozenset[State]] = {
    S.PROPOSED: frozenset({S.READY, S.CANCELLED, S.GONE}),
    S.READY: frozenset(State) - {S.UNDOING, S.UNDONE},
    S.HANDED: frozenset({S.HANDED, S.ALREADY, S.GONE, S.PROPOSED, S.READY, S.CANCELLED}),
    S.REQUESTED: frozenset({S.REQUESTED, S.FOLLOWED, S.REFUSED, S.GONE, S.UNDOING}),
    S.FOLLOWED: frozenset({S.UNDOING, S.READY}),
    S.UNDOING: frozenset({S.UNDOING, S.UNDONE, S.FOLLOWED}),
    S.REFUSED: frozenset({S.READY}),
    S.UNDONE: frozenset({S.READY}),
    S.CANCELLED: frozenset({S.READY, S.PROPOSED}),
    S.ALREADY: frozenset({S.READY}),
    S.GONE: frozenset({S.READY}),
}

#: Reasons of a ready row that the person stopped, or wants undone, after it was asked for with an outcome that
#: nobody knows: it is looked at, and never sent. The reason stays until the outcome is known.
STOPPED = "plan.stopped"
UNDO_WANTED = "undo.wanted"
HELD = (STOPPED, UNDO_WANTED)
#: Why a follow was not made of somebody who left, hides, or is avoided: the same for all of them.
UNAVAILABLE = "target.unavailable"
#: Why the person is asked about somebody who was in the file that they took.
NOT_IMPORTED = "import.missing"


class LaneState(StrEnum):
    """Whether a linked account is served."""

    OPEN = "open"
    PAUSED = "paused"  # by the person; whether a sign-in is missing as well is found out afterwards
    SIGNED_OUT = "signed_out"  # the network wants the person to sign in or to allow following
    HALTED = "halted"  # the network takes the account for a bulk follower


class Origin(StrEnum):
    """Who wanted a follow: the person's own choice, or their standing wish; or a file says that it was made.

    What the wish brought becomes the person's own once they say yes to it, and ends with the wish until then.
    """

    MANUAL = "manual"
    STANDING = "standing"
    ELSEWHERE = "elsewhere"


#: When a request that waits for approval is looked at again, by how often that was done.
_LOOK_AGAIN = (
    timedelta(minutes=5),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=7),
)
#: The same for what the person imports themselves: networks take hours for it, and some never finish.
_LOOK_AT_IMPORT = (
    timedelta(hours=6),
    timedelta(hours=18),
    timedelta(days=3),
    timedelta(days=10),
)
#: A wait that a network asked for without saying how long: doubled each time, up to an hour.
_THROTTLED = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=1)
#: The longest time between two tries of one row. Someone's server that stays away is given up after a week.
_LONGEST_BACKOFF = timedelta(hours=6)
MOST_ATTEMPTS = 40
#: A call may still reach the network so long after we gave up waiting for it: until then *not there* is no answer.
SETTLES = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What follows for a row."""

    state: State
    reason: str | None = None
    #: When the row is to be looked at again, if ever.
    due: datetime | None = None
    record: str | None = None
    moved_to: str | None = None
    #: True once the network itself showed the request as pending.
    shown: bool = False
    #: True where nothing that we asked for was made: the next try is like the first.
    unsent: bool = False
    #: Counts as one of `MOST_ATTEMPTS`, or as one look at a request.
    counts: bool = True


@dataclass(frozen=True, kw_only=True)
class Halt:
    """What follows for a whole lane: it is served again at `next_at`, or waits in `state`."""

    state: LaneState
    reason: str
    next_at: datetime | None


def passed_on(token: str) -> str:
    """Return the token of a lease whose lane became another user's while it was served."""
    return f"{token}+"


def moved(before: State, after: State) -> State:
    """Return `after` if it may come after `before`; anything else is a mistake of ours."""
    if after not in NEXT[before]:
        raise ValueError(f"no way from {before} to {after}")
    return after


# --- a row that is ready ----------------------------------------------------------------------


def seen(
    relationship: Relationship,
    *,
    asked_at: datetime | None,
    record: str | None,
    attempts: int,
    wanted: bool,
    now: datetime,
) -> Decision | None:
    """Say what looking before a follow decides; None: it is to be made.

    What exists is ours only if we asked for it before and, where follows have records, if the
    record is the one we chose. What is no longer `wanted` is never made, but known for what it is.
    """
    asked = asked_at is not None
    ours = asked and (record is None or _same_record(relationship.record, record))
    match relationship.tie:
        case Tie.FOLLOWING | Tie.AVOIDING if ours:
            return Decision(state=S.FOLLOWED, record=relationship.record)
        case Tie.REQUESTED if ours:
            return _pending(0, now, record=relationship.record, shown=True)
        case Tie.NONE if asked_at is not None and not wanted and now < asked_at + SETTLES:
            return Decision(state=S.READY, due=asked_at + SETTLES, counts=False)
        case _ if not wanted and relationship.tie is Tie.NONE:
            return Decision(state=S.CANCELLED, unsent=True)
    if relationship.moved_to is not None and wanted:
        return _successor(relationship.moved_to, "net.gone", attempts, now)
    if relationship.blocked:
        return Decision(state=S.REFUSED, reason="net.blocked", unsent=True)
    match relationship.tie:
        case Tie.FOLLOWING | Tie.AVOIDING:
            return Decision(state=S.ALREADY)
        case Tie.REQUESTED:
            return Decision(state=S.ALREADY, reason="net.pending")
        case Tie.NONE if attempts >= MOST_ATTEMPTS:
            return Decision(state=S.REFUSED, reason="net.unavailable", unsent=True)
        case Tie.NONE:
            return None


def unseen(error: NetworkError, *, attempts: int, now: datetime) -> Decision:
    """Say what follows for a ready row that could not be looked at. What was asked before is as unknown as it was."""
    match error:
        case Gone(moved_to=str() as successor):
            return _successor(successor, error.code, attempts, now)
        case Gone():
            return Decision(state=S.GONE, reason=error.code)
        case Throttled(until=until):
            return _wait_for(error, wait(until, attempts, now), counts=False)
        case Unavailable() if attempts < MOST_ATTEMPTS:
            return _wait_for(error, now + backoff(attempts))
        case _:
            return Decision(state=S.REFUSED, reason=error.code)


def followed(relationship: Relationship, *, attempts: int, now: datetime) -> Decision:
    """Say what an answer to a follow, block or mute means. Neither there nor requested: look again later."""
    if relationship.tie in (Tie.FOLLOWING, Tie.AVOIDING):
        return Decision(state=S.FOLLOWED, record=relationship.record)
    if relationship.tie is Tie.NONE and relationship.moved_to is not None:
        return _successor(relationship.moved_to, "net.gone", attempts, now)
    return _pending(0, now, record=relationship.record)


def after(error: NetworkError, *, attempts: int, now: datetime) -> Decision:
    """Say what follows for one row from an error while following, its own or that of the whole call."""
    match error:
        case Gone(moved_to=str() as successor):
            return _successor(successor, error.code, attempts, now)
        case Gone():
            return Decision(state=S.GONE, reason=error.code, unsent=True)
        case Throttled(until=until):
            again_at = wait(until, attempts, now)
            return _wait_for(error, again_at, unsent=True, counts=False)
        case SignedOut() | Flagged():
            return _wait_for(error, now, unsent=True, counts=False)
        case Unavailable():
            # Never given up here: only a look can tell that it was not made.
            return _wait_for(error, now + backoff(attempts))
        case _:
            return Decision(state=S.REFUSED, reason=error.code, unsent=True)


def heeded(decision: Decision, held: str | None) -> Decision:
    """Say what a decision becomes for a row that the person held while its outcome was unknown."""
    if held is None or decision.state is not S.READY:
        return decision
    if decision.unsent:
        return Decision(state=S.CANCELLED, unsent=True)
    return replace(decision, reason=held)


# --- a request that waits ---------------------------------------------------------------------


def looked(relationship: Relationship, *, shown: bool, attempts: int, now: datetime) -> Decision:
    """Say what looking at a pending request means: accepted, still waiting, or taken away.

    `shown`: the network has shown it as pending before. Some never do, and tell of it only once it
    is accepted: there, *none* becomes a no after all looks of more than a week.
    """
    match relationship.tie:
        case Tie.FOLLOWING | Tie.AVOIDING:
            return Decision(state=S.FOLLOWED, record=relationship.record)
        case Tie.REQUESTED:
            return _pending(attempts, now, record=relationship.record, shown=True)
        case Tie.NONE if not shown and attempts < len(_LOOK_AGAIN):
            return _pending(attempts, now)
        case Tie.NONE:
            return Decision(state=S.REFUSED, reason="net.rejected", unsent=True)


def unlooked(error: NetworkError, *, attempts: int, now: datetime) -> Decision:
    """Say what follows for a pending request that could not be looked at. It is never sent again."""
    match error:
        case Gone(moved_to=None):
            return Decision(state=S.GONE, reason=error.code)
        case Refused():
            return Decision(state=S.REFUSED, reason=error.code)
        case _:
            return replace(_pending(attempts, now), reason=error.code)


# --- a person who is in a file -----------------------------------------------------------------


def handed_over(now: datetime) -> datetime:
    """Return when what was handed over now is looked at first."""
    return now + _LOOK_AT_IMPORT[0]


def imported(answer: Relationship | NetworkError, *, attempts: int, now: datetime) -> Decision:
    """Say what looking for a follow means that the person imports. It is theirs, and never sent by us."""
    match answer:
        case Relationship(tie=Tie.FOLLOWING):
            return Decision(state=S.ALREADY)
        case Relationship(tie=Tie.REQUESTED):
            return Decision(state=S.ALREADY, reason="net.pending")
        case Gone(moved_to=None):
            return Decision(state=S.GONE, reason=answer.code)
    if attempts + 1 < len(_LOOK_AT_IMPORT):
        return Decision(state=S.HANDED, due=now + _LOOK_AT_IMPORT[attempts + 1])
    return Decision(state=S.PROPOSED, reason=NOT_IMPORTED)


# --- a follow to be taken back ----------------------------------------------------------------


def undone(relationship: Relationship) -> Decision:
    """Say what an answer to an undo means; a follow that was made again by hand stays."""
    if relationship.tie is Tie.NONE:
        return Decision(state=S.UNDONE, unsent=True)
    return Decision(state=S.UNDONE, reason="undo.kept", unsent=True)


def after_undo(error: NetworkError, *, attempts: int, now: datetime) -> Decision:
    """Say what follows for one row from an error while undoing: a follow that leads nowhere is undone."""
    match error:
        case Gone():
            return Decision(state=S.UNDONE, reason=error.code, unsent=True)
        case Throttled(until=until):
            due = wait(until, attempts, now)
            return Decision(state=S.UNDOING, reason=error.code, due=due, counts=False)
        case SignedOut() | Flagged():
            return Decision(state=S.UNDOING, reason=error.code, due=now, counts=False)
        case Unavailable() if attempts < MOST_ATTEMPTS:
            return Decision(state=S.UNDOING, reason=error.code, due=now + backoff(attempts))
        case _:
            return Decision(state=S.FOLLOWED, reason=error.code)


# --- a lane -----------------------------------------------------------------------------------


def halt(error: NetworkError, *, failures: int, now: datetime) -> Halt:
    """Say what follows for a lane from an error that stops all of it, after so many failures in a row."""
    match error:
        case SignedOut():
            return Halt(state=LaneState.SIGNED_OUT, reason=error.code, next_at=None)
        case Flagged():
            return Halt(state=LaneState.HALTED, reason=error.code, next_at=None)
        case Throttled(until=until):
            again_at = wait(until, failures, now)
            return Halt(state=LaneState.OPEN, reason=error.code, next_at=again_at)
        case _:
            again_at = now + min(backoff(failures), _LONGEST_WAIT)
            return Halt(state=LaneState.OPEN, reason=error.code, next_at=again_at)


def backoff(attempts: int) -> timedelta:
    """Return how long to leave a server alone: 2 s, doubled each time, up to six hours."""
    return min(timedelta(seconds=2 << min(attempts, 16)), _LONGEST_BACKOFF)


def wait(until: datetime | None, times: int, now: datetime) -> datetime:
    """Return when a throttled call may be tried again; a time in the past says nothing."""
    if until is not None and until > now:
        return until
    return now + min(_THROTTLED * (1 << min(times, 8)), _LONGEST_WAIT)


def _pending(
    looks: int, now: datetime, *, record: str | None = None, shown: bool = False
) -> Decision:
    due = now + _LOOK_AGAIN[min(looks, len(_LOOK_AGAIN) - 1)]
    return Decision(state=S.REQUESTED, due=due, record=record, shown=shown)


def _successor(actor_id: str, code: str, attempts: int, now: datetime) -> Decision:
    """Follow who was declared as successor, unless the declarations lead in a circle."""
    if attempts < MOST_ATTEMPTS:
        return Decision(state=S.READY, due=now, moved_to=actor_id, unsent=True)
    return Decision(state=S.GONE, reason=code, unsent=True)


def _wait_for(
    error: NetworkError, due: datetime, *, unsent: bool = False, counts: bool = True
) -> Decision:
    return Decision(state=S.READY, reason=error.code, due=due, unsent=unsent, counts=counts)


def _same_record(found: str | None, ours: str) -> bool:
    """A record is found as its key and digest; ours is the key alone until it is made."""
    return found is not None and found.partition(" ")[0] == ours.partition(" ")[0]


def _check_table() -> None:
    """A bad table fails at import."""
    assert set(NEXT) == set(State) == set(MEANS), "every state has its lines"
    assert all(after in NEXT for line in NEXT.values() for after in line)


_check_table()
