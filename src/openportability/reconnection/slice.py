"""Serve a lane once: claim, look, ask, record, release. No transaction is open while the network is asked.

Killed anywhere, the next slice finds a lease that lapsed and rows that say what was asked for; it asks the network
what exists and goes on from there. So at-least-once work makes exactly one follow.

    killed after    what is left                    what the next slice finds
    claim           a lease                         it lapses; served again
    ask, unsent     asked_at and the record key     nothing there: sent, under the same key
    ask, frozen     the same; it wakes too late     the same; what it noted it leaves to others
    ask, sent       the same, and the follow        our record, or a follow since asked_at: followed, not already
    record          right rows                      a lease that lapses, and the rest of the work

Slices that run at the same time share their transactions: what a lane costs us is not a commit of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from openportability.accounts import service as accounts
from openportability.accounts.refresh import usable_grant
from openportability.clock import monotonic
from openportability.db.engine import Tx
from openportability.db.gathered import Gathered
from openportability.db.together import Together
from openportability.domain import AccountId, Grant, Relationship
from openportability.errors import NetworkError, SignedOut, Unavailable, without_words
from openportability.network import Answers
from openportability.reconnection import (
    call_time_store,
    claiming,
    following,
    lane_store,
    recording,
    undoing,
)
from openportability.reconnection.claiming import Slice
from openportability.reconnection.following import Call
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.recording import Judge, Next, Step, Then
from openportability.reconnection.rules import Decision
from openportability.site import Site

log = logging.getLogger(__name__)

#: No new call to the network is begun after so long; with the longest call, well inside the lease.
WORK_SECONDS = 30.0
#: No call at all is begun so long after the lane was taken: a process may be frozen at any moment, and what it noted
#: that it would ask for may have been done, stopped or undone by others meanwhile. The longest call ends in the lease.
_LATEST_SECONDS = 75.0
#: A longer rest is an outage: it says nothing of what calls will take tomorrow.
_USUAL_REST = timedelta(minutes=5)
#: A longer gap between two calls is left by ending the slice, not by waiting in it.
_LONGEST_PAUSE_SECONDS = 3.0

_Meaning = Callable[[Relationship | NetworkError, Reconnection, datetime], Decision]


class Lanes:
    """Serves lanes, each by the thread that asks for it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tables: Together[AccountId | Step, Slice | Next | None] = Together(
            site.db, partial(_serve_all, site)
        )
        self._took = Gathered(site.db, call_time_store.add)

    def serve(self, account: AccountId) -> bool:
        """Serve a lane once, if it is due; say whether it is due again right away."""
        work = self._tables.do(account)
        if not isinstance(work, Slice):
            return False
        try:
            return self._serve(work)
        except NetworkError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the last door: a lane must not be lost to a mistake of ours
            log.error("slice_failed", extra=without_words(error))
            failure = Unavailable(claiming.OUR_MISTAKE)
            if alone := _put_off(work, failure, self._site.clock.now()):
                return self._step(Step(work=work, then=Then.END, judged=alone)).again
        ended = self._step(Step(work=work, then=Then.END, failure=failure))
        self._note(work, 0, ended)
        return ended.again

    def _serve(self, work: Slice) -> bool:
        if not (work.undo or work.follow or work.look):
            return self._step(Step(work=work, then=Then.END)).again
        grant = usable_grant(self._site, work.account, work.grant)
        if not grant.can_follow:
            # Good for reading who they are: it is kept, and the person is asked for more.
            raise SignedOut("net.scope_missing")
        if work.undo:
            counted = self._step(Step(work=work, then=Then.UNDO, rest=work.undo))
            return self._call_on(work, grant, counted, Then.UNDO)
        try:
            seen = following.looked(work, grant, self._site.clock.now())
        except SignedOut as error:
            raise self._meant(work, grant, error) from error
        return self._call_on(work, grant, self._step(seen), Then.FOLLOW)

    def _call_on(self, work: Slice, grant: Grant, what: Next, then: Then) -> bool:
        """Call the network until nothing is left to ask for, or time is up."""
        part = undoing if then is Then.UNDO else following
        asks, means = part.call(work, grant), part.meaning
        calls = 0
        while what.going:
            if self._is_late(work):
                what = self._step(Step(work=work, then=Then.END))
                continue
            step = self._asked(work, grant, what, asks, means)
            calls += 1
            if step.failure is None and what.rest and _may_go_on(work):
                if gap := work.destination.limits.gap_seconds:
                    # What was answered is written down first: the person may stop us in the gap.
                    self._step(replace(step, then=Then.KEEP))
                    time.sleep(gap)
                    step = Step(work=work, then=then, asked=True, rest=what.rest)
                else:
                    step = replace(step, then=then, rest=what.rest)
            what = self._step(step)
        self._note(work, calls, what)
        return what.again

    def _note(self, work: Slice, calls: int, ended: Next) -> None:
        """Note how long a slice took, with the rest that its network wants: forecasts are made of it."""
        until = ended.rests_until
        if not calls and until is None:
            return
        now = self._site.clock.now()
        rest = max(until - now, timedelta(0)) if until else timedelta(0)
        seconds = (now - work.taken_at + min(rest, _USUAL_REST)).total_seconds()
        self._took.add(call_time_store.one(work.lane.network, calls, seconds))

    def _is_late(self, work: Slice) -> bool:
        """Say whether a call would outlast the lease. A paused machine may count no time, and a clock may be set."""
        by_clock = (self._site.clock.now() - work.taken_at).total_seconds()
        return max(by_clock, monotonic() - work.began) > _LATEST_SECONDS

    def _step(self, step: Step) -> Next:
        what = self._tables.do(step)
        assert isinstance(what, Next), "a step has a next"
        return what

    def _asked(self, work: Slice, grant: Grant, what: Next, asks: Call, means: _Meaning) -> Step:
        """Call the network, and return what became of the call."""
        failure: NetworkError | None = None
        try:
            answers = asks(what.going)
        except NetworkError as error:
            answers = Answers(of={work.actor(row).id: error for row in what.going})
            failure = self._meant(work, grant, error)
        now = self._site.clock.now()
        judged = [
            (row, partial(_judged, means, claiming.answer_of(answers, work.actor(row)), now))
            for row in what.going
        ]
        return Step(
            work=work, then=Then.END, judged=judged, learned=answers, asked=True, failure=failure
        )

    def _meant(self, work: Slice, used: Grant, error: NetworkError) -> NetworkError:
        """Note that the network no longer accepts a grant, unless we live by a newer one by now."""
        if not isinstance(error, SignedOut):
            return error
        if not accounts.is_kept(self._site, used):
            return Unavailable("net.busy", host=work.account.actor.instance)
        accounts.forget_grant(self._site, work.account)
        return error


def serve_lane(site: Site, account: AccountId) -> bool:
    """Serve one lane by itself, as `Lanes.serve` does."""
    return Lanes(site).serve(account)


def _serve_all(site: Site, tx: Tx, given: Sequence[AccountId | Step]) -> list[Slice | Next | None]:
    """Claim lanes, and do the steps of others that were claimed before.

    All are held in one statement, so two workers that want the same ones never wait for each other.
    """
    accounts_of = [one.account if isinstance(one, Step) else one for one in given]
    if len(set(accounts_of)) < len(given):
        # One of two outlived its lease: the second must see what the first has written.
        return [made for one in given for made in _serve_all(site, tx, [one])]
    tx.dialect.keep_plans(tx)
    lanes = lane_store.hold(tx, accounts_of)
    wanted = [lanes[one] for one in given if not isinstance(one, Step) and one in lanes]
    slices = claiming.claim(site, tx, wanted) if wanted else {}
    steps = [one for one in given if isinstance(one, Step)]
    nexts = iter(recording.record(site, tx, steps, lanes) if steps else [])
    return [next(nexts) if isinstance(one, Step) else slices.get(one) for one in given]


def _put_off(work: Slice, error: NetworkError, now: datetime) -> list[tuple[Reconnection, Judge]]:
    """Put off the only row of a slice that a mistake of ours ended: the others do not wait for it.

    Slices shrink until it is alone (`claiming`); of several rows nobody knows which one it was.
    """
    if len(work.undo) + len(work.follow) + len(work.look) != 1:
        return []
    undone = [(row, partial(_judged, undoing.meaning, error, now)) for row in work.undo]
    return [*undone, *following.unlooked(work, error, now)]


def _judged(
    means: _Meaning, answer: Relationship | NetworkError, now: datetime, row: Reconnection
) -> Decision:
    return means(answer, row, now)


def _may_go_on(work: Slice) -> bool:
    """Say whether another call may be begun, after the gap that the network wants between two."""
    gap = work.destination.limits.gap_seconds
    return gap <= _LONGEST_PAUSE_SECONDS and monotonic() + gap - work.began <= WORK_SECONDS
