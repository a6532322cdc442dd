"""Between two calls to a network: record what became of the last one, and note what the next one asks for.

Many slices do it in one transaction, each table read and written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import AccountId, Actor, ActorId
from openportability.errors import NetworkError, Throttled, Unavailable
from openportability.network import Answers
from openportability.reconnection import (
    asking,
    careful,
    claiming,
    doubles,
    due_store,
    host_store,
    lane_store,
    pacing,
    reach,
    rules,
    sealing,
    waves,
)
from openportability.reconnection.claiming import Slice
from openportability.reconnection.due_store import Due
from openportability.reconnection.lane import Lane
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.rules import Decision, LaneState, State
from openportability.site import Site

#: Says what an answer means for a row as it is now; None: it is still to be asked for.
Judge = Callable[[Reconnection], Decision | None]


class Then(Enum):
    """What comes after a step."""

    FOLLOW = auto()  # note what is about to be asked for
    UNDO = auto()  # count what is about to be taken back
    KEEP = auto()  # the slice goes on without us
    END = auto()


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a slice has learned since the last one, and what it wants next."""

    work: Slice
    then: Then
    judged: Sequence[tuple[Reconnection, Judge]] = ()
    #: What is to be asked for after what is judged so.
    rest: Sequence[Reconnection] = ()
    learned: Answers | None = None
    #: True once a follow or an undo was asked for in this slice.
    asked: bool = False
    #: What ends the slice.
    failure: NetworkError | None = None

    @property
    def account(self) -> AccountId:
        """Return whose lane it is."""
        return self.work.account.id


@dataclass(frozen=True, kw_only=True)
class Next:
    """What a slice does next: a call for `going`, then `rest`. Without `going` it is over."""

    going: Sequence[Reconnection] = ()
    rest: Sequence[Reconnection] = ()
    #: The lane was given back, and is due again right away.
    again: bool = False
    #: Until when its network wants to be left alone, or failed so that we leave it alone.
    rests_until: datetime | None = None


@dataclass(kw_only=True)
class _Turn:
    """A step on its way through the transaction."""

    step: Step
    #: As it will be; None where it is not ours any more.
    lane: Lane | None
    changed: list[Reconnection]
    next: Next


def record(
    site: Site, tx: Tx, steps: Sequence[Step], lanes: Mapping[AccountId, Lane]
) -> list[Next]:
    """Do the steps of several slices, one a lane; return what each does next. Their lanes are held."""
    now = site.clock.now()
    steps = _without_withdrawn(tx, steps)
    rows = ((step.work.key, row) for step in steps for row in _rows(step))
    fresh = due_store.fresh(tx, rows)
    turns = [_turn(tx, step, lanes.get(step.account), fresh, now) for step in steps]
    due_store.put(tx, [row for turn in turns for row in turn.changed])
    ending = [turn for turn in turns if _ends(turn)]
    due = due_store.next_due(tx, [turn.step.account for turn in ending]) if ending else {}
    for turn in ending:
        _end(turn, due.get(turn.step.account, Due()), now)
    lane_store.put_back(tx, [turn.lane for turn in turns if turn.lane is not None])
    _learn_of_hosts(tx, steps, now)
    return [turn.next for turn in turns]


def _without_withdrawn(tx: Tx, steps: Sequence[Step]) -> Sequence[Step]:
    """Return steps that know who withdrew since their slices began."""
    following = [step for step in steps if step.then is Then.FOLLOW]
    going = {row.place for step in following for row in _going(step)}
    withdrawn, some = reach.withdrawn(tx, going)
    if not (withdrawn or some):
        return steps
    going_of = [(step.work, {row.place for row in _going(step)} & some) for step in following]
    closed = careful.closed(tx, going_of)
    return [
        replace(
            step,
            work=replace(
                step.work,
                closed={
                    *(whom for network, whom in withdrawn if network == step.work.lane.network),
                    *closed.get(step.account, ()),
                    *step.work.closed,
                },
            ),
        )
        for step in steps
    ]


def _going(step: Step) -> Iterator[Reconnection]:
    """Yield what a step may lead to a call for. What was asked for already is judged by its answer."""
    yield from (step.rest if step.asked else _rows(step))


def _rows(step: Step) -> Iterator[Reconnection]:
    yield from (row for row, _ in step.judged)
    yield from step.rest


def _turn(
    tx: Tx, step: Step, lane: Lane | None, fresh: Mapping[int, Reconnection], now: datetime
) -> _Turn:
    """Decide on rows, whoever has the lane by now: these are facts. Go on only if it is still ours."""
    changed, rest, unmade = [], [], 0
    met = [(was, row, judge(row)) for was, judge in step.judged if (row := fresh.get(was.id))]
    looked = () if step.asked else [(row, decision) for _, row, decision in met]
    others = doubles.of_others(tx, step.work, looked)
    for was, row, judged in met:
        decision = doubles.OF_ANOTHER if row.id in others else judged
        if decision is None:
            rest.append(row)
        elif not _is_overtaken(step, was, row, decision):
            changed.append(_decided(tx, step.work, row, decision, now))
            unmade += step.asked and decision.unsent and row.state is State.READY
    rest += [fresh[row.id] for row in step.rest if row.id in fresh]
    if lane is None or lane.lease != step.work.token:
        return _not_ours(step, lane, changed, now)
    lane, changed = waves.heeded(tx, step.work, _wiser(step, lane, unmade), changed, now)
    turn = _Turn(step=step, lane=lane, changed=changed, next=Next())
    if lane.state is LaneState.OPEN:
        _go_on(turn, lane, rest, now)
    return turn


def _is_overtaken(step: Step, was: Reconnection, row: Reconnection, decision: Decision) -> bool:
    """Say whether a call made nothing that another one asked for since: what became of that, this answer does not tell.

    So it is where a slice outlived its lease. What it made is a fact all the same.
    """
    return step.asked and decision.unsent and row.asked_at != was.asked_at


def _wiser(step: Step, lane: Lane, unmade: int) -> Lane:
    """Return a lane that knows what a call told: an answer ends failures, what was not made is not spent."""
    if step.learned is None:
        return lane
    if unmade:
        lane = replace(lane, spent=tuple(pacing.give_back(lane.spent, unmade)))
    if lane.failures and step.failure is None:
        lane = replace(lane, failures=0)
    if (budget := step.learned.budget) is not None:
        lane = replace(lane, remaining=budget.remaining, reset_at=budget.reset_at)
    return lane


def _not_ours(step: Step, lane: Lane | None, changed: list[Reconnection], now: datetime) -> _Turn:
    """End a slice whose lane went on without it. One that became another user's meanwhile is given back.

    What was asked for is looked at anew, under the user whose lane it is now.
    """
    passed_on = lane is not None and lane.lease == rules.passed_on(step.work.token)
    if lane is None or not passed_on or step.then is Then.KEEP:
        return _Turn(step=step, lane=None, changed=changed, next=Next())
    free = replace(lane, lease=None, lease_until=None, next_at=now)
    return _Turn(step=step, lane=free, changed=changed, next=Next(again=True))


def _go_on(turn: _Turn, lane: Lane, rest: Sequence[Reconnection], now: datetime) -> None:
    work = turn.step.work
    match turn.step.then:
        case Then.UNDO:
            going = asking.next_undo(work, lane, rest, now)
            turn.lane = asking.counted_undo(work, lane, going, now)
            turn.next = Next(going=going, rest=rest[len(going) :])
        case Then.FOLLOW:
            going, left = asking.next_call(work, lane, rest, now)
            asked = asking.noted(work, going, now)
            turn.changed += asked or asking.put_off(work, lane, rest, now)
            turn.lane = asking.counted(work, lane, going, now)
            turn.next = Next(going=asked, rest=left)


def _ends(turn: _Turn) -> bool:
    """Say whether the lane is to be given back: it is ours, and no call follows."""
    ours = turn.lane is not None and turn.lane.lease == turn.step.work.token
    return ours and turn.step.then is not Then.KEEP and not turn.next.going


def _end(turn: _Turn, due: Due, now: datetime) -> None:
    """Give a lane back."""
    assert turn.lane is not None, "it is ours"
    failure, state, before = turn.step.failure, turn.lane.state, turn.lane.failures
    if failure is None:
        reason = None if state is LaneState.OPEN else turn.lane.reason
        next_at, failures = _next(turn.step, turn.lane, due, now), 0
    else:
        halted = rules.halt(failure, failures=before, now=now)
        reason, next_at, failures = halted.reason, halted.next_at, before + 1
        state = halted.state if state is LaneState.OPEN else state
    turn.next = Next(
        again=failure is None and next_at is not None and next_at <= now,
        rests_until=None if failure is None else next_at,
    )
    turn.lane = replace(
        turn.lane,
        state=state,
        lease=None,
        lease_until=None,
        next_at=next_at,
        reason=reason,
        failures=failures,
    )


def _next(step: Step, lane: Lane, due: Due, now: datetime) -> datetime | None:
    """Return when the lane is due again: a follow or an undo not before pacing allows it."""
    work, follow, undo = step.work, due.follow, due.undo
    if follow is not None:
        follow = max(follow, claiming.allowed(lane, work.user, work.destination, now).next_at)
    if undo is not None:
        undo = max(undo, claiming.allowed_undo(lane, work.destination, now).next_at)
    soonest = min((at for at in (follow, undo, due.other) if at is not None), default=None)
    gap = timedelta(seconds=work.destination.limits.gap_seconds if step.asked else 0)
    return None if soonest is None else max(soonest, now + gap)


def _learn_of_hosts(tx: Tx, steps: Sequence[Step], now: datetime) -> None:
    """Note what slices tell of their servers, for all who are served there; always in one order."""
    for step in sorted(steps, key=lambda step: (step.work.lane.network, step.work.lane.instance)):
        where = step.work.lane.network, step.work.lane.instance
        if step.learned is not None and step.learned.rest_until is not None:
            host_store.rest(tx, *where, step.learned.rest_until)
        match step.failure:
            case Throttled(everyone=True, until=until):
                host_store.rest(tx, *where, rules.wait(until, 0, now))
            case Unavailable(code="net.busy" | "svc.internal"):
                pass
            case Unavailable():
                host_store.failed(tx, *where, step.work.host_failures, now)
            case _ if step.then is not Then.KEEP and step.work.host_failures:
                host_store.answered(tx, *where, now)


def _decided(
    tx: Tx, work: Slice, row: Reconnection, decision: Decision, now: datetime
) -> Reconnection:
    successor = _successor(tx, row, decision.moved_to, now) if decision.moved_to else None
    decided = row.decided(decision, now, successor=successor)
    return decided if decided.kept == row.kept else sealing.stored(work.key, decided)


def _successor(tx: Tx, row: Reconnection, actor_id: str, now: datetime) -> Actor:
    """Return a declared successor: as we know them, if they are here too; else by their id alone."""
    known = accounts.account_of_actor(tx, row.network, ActorId(actor_id))
    if known is not None:
        return known.actor
    return Actor(
        network=row.network, instance="", id=ActorId(actor_id), handle="", name="", seen_at=now
    )
