"""Make the follows of a slice: look, ask, record. What exists already is recorded and not asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from openportability.accounts import store as accounts
from openportability.clock import monotonic
from openportability.db.engine import Tx
from openportability.domain import Actor, ActorId, Grant, Relationship
from openportability.errors import NetworkError
from openportability.network import Answers
from openportability.reconnection import claiming, host_store, lane_store, pacing, rules, store
from openportability.reconnection.claiming import Slice
from openportability.reconnection.lane_store import Lane
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.rules import Decision, LaneState, State
from openportability.site import Site

#: No new call to the network is begun after so long; with the longest call, well inside the lease.
WORK_SECONDS = 30.0
#: A longer gap between two calls is left by ending the slice, not by waiting in it.
_LONGEST_PAUSE_SECONDS = 3.0


def follow(site: Site, work: Slice, grant: Grant) -> int:
    """Return how many follows were asked for, whatever became of them."""
    rows = [*work.follow, *work.look]
    seen = work.destination.relationships(grant, work.wanted(rows))
    to_ask = _record_seen(site, work, seen)
    asked = 0
    for some in work.batches(to_ask):
        if asked and not pause(work):
            break
        going = _ask(site, work, some)
        if going is None:
            break
        if going:
            asked += len(going)
            _call(site, work, grant, going)
    return asked


def pause(work: Slice) -> bool:
    """Leave the gap that the network wants between two calls; False: the slice ends instead."""
    gap = work.destination.limits.gap_seconds
    if gap > _LONGEST_PAUSE_SECONDS or monotonic() + gap - work.began > WORK_SECONDS:
        return False
    if gap:
        time.sleep(gap)
    return True


def still_ours(tx: Tx, work: Slice) -> Lane | None:
    """Hold the lane and return it, if it is open and still ours to serve: asked before each call."""
    lane = lane_store.hold(tx, work.account.id)
    if lane is None or lane.state is not LaneState.OPEN or lane.lease != work.token:
        return None
    return lane


def _record_seen(site: Site, work: Slice, seen: Answers) -> list[Reconnection]:
    """Record what a look decides; return what is to be asked for."""
    now = site.clock.now()
    unmade: dict[ActorId, Reconnection] = {}
    with site.db.write() as tx:
        lane_store.hold(tx, work.account.id)
        for row in store.fresh(tx, work.key, work.look):
            decision = _looked(claiming.answer_of(seen, work.actor(row)), row, now)
            store.decide(tx, work.key, row, decision, now)
        for row in store.fresh(tx, work.key, work.follow):
            actor = work.actor(row)
            found = _seen(work, claiming.answer_of(seen, actor), row, now)
            if found is not None:
                _decide(tx, work, row, found, now)
            else:
                # Two rows may lead to one actor who moved: the second one finds what the first made.
                unmade.setdefault(actor.id, row)
    return list(unmade.values())


def _ask(site: Site, work: Slice, rows: Sequence[Reconnection]) -> list[Reconnection] | None:
    """Note what is about to be asked for, with its record, and return it; None: the slice is over.

    What the person stopped since we looked is left out, and so is what pacing no longer allows.
    """
    now = site.clock.now()
    with site.db.write() as tx:
        lane = still_ours(tx, work)
        if lane is None:
            return None
        count = claiming.allowed(lane, work.user, work.destination, now).count
        going = [row for row in store.fresh(tx, work.key, rows) if work.may_be_followed(row)][
            :count
        ]
        if not going:
            return []
        records = iter(work.destination.reserve(sum(row.record is None for row in going)))
        for row in going:
            record = row.record or next(records)
            store.ask(tx, work.key, row, work.actor(row), record, now)
        limits = work.destination.limits
        spent = pacing.spend(lane.spent, len(going), limits, now)
        remaining = pacing.less(lane.remaining, len(going))
        lane_store.spend(tx, lane.account, spent, remaining)
        return store.fresh(tx, work.key, going)


def _call(site: Site, work: Slice, grant: Grant, rows: Sequence[Reconnection]) -> None:
    try:
        answers = work.destination.follow(grant, work.wanted(rows))
    except NetworkError as error:
        of = {work.actor(row).id: error for row in rows}
        _record(site, work, rows, Answers(of=of))
        raise
    _record(site, work, rows, answers)


def _record(site: Site, work: Slice, rows: Sequence[Reconnection], answers: Answers) -> None:
    """Record what became of a call, whoever has the lease by now: these are facts."""
    now = site.clock.now()
    with site.db.write() as tx:
        lane_store.hold(tx, work.account.id)
        for row in store.fresh(tx, work.key, rows):
            answer = claiming.answer_of(answers, work.actor(row))
            _decide(tx, work, row, _followed(answer, row, now), now)
        if answers.budget is not None:
            lane_store.learn(tx, work.account.id, answers.budget)
        if answers.rest_until is not None:
            host_store.rest(tx, work.lane.network, work.lane.instance, answers.rest_until)


def _decide(tx: Tx, work: Slice, row: Reconnection, decision: Decision, now: datetime) -> None:
    successor = _successor(tx, row, decision.moved_to, now) if decision.moved_to else None
    store.decide(tx, work.key, row, decision, now, successor=successor)


def _successor(tx: Tx, row: Reconnection, actor_id: str, now: datetime) -> Actor:
    """Return a declared successor: as we know them, if they are here too; else by their id alone."""
    known = accounts.account_of_actor(tx, row.network, ActorId(actor_id))
    if known is not None:
        return known.actor
    return Actor(
        network=row.network, instance="", id=ActorId(actor_id), handle="", name="", seen_at=now
    )


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
    if isinstance(answer, NetworkError):
        return rules.unlooked(answer, attempts=row.attempts, now=now)
    return rules.looked(answer, shown=row.shown, attempts=row.attempts, now=now)


def _followed(answer: Relationship | NetworkError, row: Reconnection, now: datetime) -> Decision:
    if isinstance(answer, NetworkError):
        return rules.after(answer, attempts=row.attempts, now=now)
    return rules.followed(answer, attempts=row.attempts, now=now)
