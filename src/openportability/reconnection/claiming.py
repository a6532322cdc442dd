"""Take a lane to serve it once, and give it back. Between the two no transaction is open for long."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from openportability.accounts import store as accounts
from openportability.accounts.people import User
from openportability.clock import monotonic
from openportability.db.engine import Tx
from openportability.domain import (
    Account,
    AccountId,
    Actor,
    NetworkName,
    Relationship,
    Wanted,
)
from openportability.errors import NetworkError, Throttled, Unavailable
from openportability.network import Answers, Destination
from openportability.reconnection import host_store, lane_store, pacing, reach, rules, store
from openportability.reconnection.lane_store import Lane
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.rules import Decision, LaneState, State
from openportability.site import Site
from openportability.vault import PersonalKey


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What one claim of a lane is about."""

    token: str
    lane: Lane
    user: User
    key: PersonalKey
    account: Account
    destination: Destination
    undo: Sequence[Reconnection]
    follow: Sequence[Reconnection]
    look: Sequence[Reconnection]
    #: Today's accounts of those whom rows are about.
    whom: Mapping[AccountId, Account]
    #: Those among them who are not to be followed any more.
    closed: Collection[AccountId]
    #: How often in a row the host failed before, whoever was served there.
    host_failures: int
    began: float

    def actor(self, row: Reconnection) -> Actor:
        """Return whom a row is about: today's actor, a declared successor, or as when it was asked for."""
        known = self.whom.get(row.whom)
        if known is not None and not row.moved:
            return known.actor
        assert row.actor is not None, "kept when it was asked for; what was not is closed"
        return row.actor

    def wanted(self, rows: Sequence[Reconnection]) -> list[Wanted]:
        """Return rows as a network is asked about them."""
        return [
            Wanted(actor=self.actor(row), record=row.record, asked=row.asked_at is not None)
            for row in rows
        ]

    def may_be_followed(self, row: Reconnection) -> bool:
        """Say whether the other is still here and to be found, and the person still wants it."""
        return row.whom in self.whom and row.whom not in self.closed and row.held is None

    def batches(self, rows: Sequence[Reconnection]) -> list[list[Reconnection]]:
        """Cut rows into calls; smaller ones after failures, so that a bad row is left alone at last."""
        size = max(1, self.destination.limits.batch >> min(self.lane.failures, 16))
        rest = iter(rows)
        return list(iter(lambda: list(islice(rest, size)), []))


def destination_of(site: Site, network: NetworkName) -> Destination | None:
    """Return where follows are made; None where the operator no longer has that network."""
    loaded = site.networks.get(network)
    return loaded.destination if loaded else None


def answer_of(answers: Answers, actor: Actor) -> Relationship | NetworkError:
    """Return what was answered about an actor. Left out, it is as good as no answer."""
    return answers.of.get(actor.id, Unavailable("net.garbage"))


def claim(site: Site, account_id: AccountId) -> Slice | None:
    """Take a lane that is due, and choose what to do; None if it is not, or somebody else serves it."""
    now = site.clock.now()
    token = f"{site.db.presence.name()}:{secrets.token_hex(16)}"
    with site.db.write() as tx:
        lane = lane_store.hold(tx, account_id)
        if lane is None or not lane.due(now):
            return None
        destination = destination_of(site, lane.network)
        if destination is None:
            return None
        host = host_store.host(tx, lane.network, lane.instance)
        network = host_store.host(tx, lane.network, host_store.WHOLE_NETWORK)
        if not (host.answers(now) and network.answers(now)):
            return None
        if host.failures:
            host_store.probe(tx, lane.network, lane.instance, now)
        lane_store.claim(tx, account_id, token, now)
        account, user = accounts.account(tx, account_id), accounts.user(tx, lane.user)
        assert account is not None, "a lane goes before its account"
        assert user is not None, "accounts go before their user"
        key = accounts.personal_key(tx, site.vault, lane.user)
        undo, follow, look = _choose(tx, lane, user, key, destination, now)
        rows = [*undo, *follow, *look]
        whom = accounts.accounts_by_id(tx, [row.whom for row in rows])
        closed = reach.closed(tx, key, lane.user, whom.values()) if follow else set()
        work = Slice(
            token=token,
            lane=lane,
            user=user,
            key=key,
            account=account,
            destination=destination,
            undo=undo,
            follow=[row for row in follow if row.asked_at or _open(row, whom, closed)],
            look=look,
            whom=whom,
            closed=closed,
            host_failures=host.failures,
            began=monotonic(),
        )
        _close(tx, work, [row for row in follow if row not in work.follow], now)
        return work


def release(site: Site, work: Slice, asked: int, failure: NetworkError | None) -> bool:
    """Give the lane back; say whether it is due again right away."""
    now = site.clock.now()
    failures = work.lane.failures + 1 if failure else 0
    with site.db.write() as tx:
        lane = lane_store.hold(tx, work.account.id)
        if lane is not None and lane.lease == rules.passed_on(work.token):
            # What was asked for is looked at anew, under the user whose lane it is now.
            _hand_on(tx, lane, now)
            return True
        if lane is None or lane.lease != work.token:
            return False
        reason = None
        if failure is None:
            next_at = _next(tx, work, lane, asked, now)
        else:
            halted = rules.halt(failure, failures=work.lane.failures, now=now)
            reason, next_at = halted.reason, halted.next_at
            if halted.state is not LaneState.OPEN:
                lane_store.stop(tx, work.account.id, halted.state)
        _learn_of_host(tx, work, failure, now)
        lane_store.release(
            tx, work.account.id, work.token, next_at=next_at, reason=reason, failures=failures
        )
    return failure is None and next_at is not None and next_at <= site.clock.now()


def _hand_on(tx: Tx, lane: Lane, now: datetime) -> None:
    assert lane.lease is not None
    lane_store.release(
        tx, lane.account, lane.lease, next_at=now, reason=lane.reason, failures=lane.failures
    )


def _learn_of_host(tx: Tx, work: Slice, failure: NetworkError | None, now: datetime) -> None:
    """Note what a slice tells of its server, for all who are served there."""
    where = work.lane.network, work.lane.instance
    match failure:
        case Throttled(everyone=True, until=until):
            host_store.rest(tx, *where, rules.wait(until, 0, now))
        case Unavailable(code="net.busy" | "svc.internal"):
            pass
        case Unavailable():
            host_store.failed(tx, *where, work.host_failures, now)
        case _ if work.host_failures:
            host_store.answered(tx, *where, now)


def allowed(lane: Lane, user: User, destination: Destination, now: datetime) -> pacing.Allowed:
    """Return how many follows a lane may ask for now, or when again."""
    return pacing.allow(
        destination.limits,
        user.pace,
        lane.spent,
        remaining=lane.remaining,
        reset_at=lane.reset_at,
        now=now,
    )


def _choose(
    tx: Tx, lane: Lane, user: User, key: PersonalKey, destination: Destination, now: datetime
) -> tuple[list[Reconnection], list[Reconnection], list[Reconnection]]:
    """Undo first; else what was stopped half-way, follows as pacing allows, and pending requests."""
    most = destination.limits.look
    undo = store.due_to_undo(tx, key, lane.account, now, most)
    if undo:
        return undo, [], []
    follow = store.due_to_settle(tx, key, lane.account, now, most)
    count = min(allowed(lane, user, destination, now).count, most - len(follow))
    if count:
        follow += store.due_to_follow(tx, key, lane.account, now, count)
    rest = most - len(follow)
    look = store.due_to_look(tx, key, lane.account, now, rest) if rest else []
    return [], follow, look


def _open(
    row: Reconnection, whom: Mapping[AccountId, Account], closed: Collection[AccountId]
) -> bool:
    return row.whom in whom and row.whom not in closed


def _close(tx: Tx, work: Slice, rows: Sequence[Reconnection], now: datetime) -> None:
    decision = Decision(state=State.CANCELLED, reason=rules.UNAVAILABLE, unsent=True)
    for row in rows:
        store.decide(tx, work.key, row, decision, now)


def _next(tx: Tx, work: Slice, lane: Lane, asked: int, now: datetime) -> datetime | None:
    """Return when the lane is due again: a follow not before pacing allows it."""
    due, other = store.next_due(tx, work.account.id)
    if due is not None:
        due = max(due, allowed(lane, work.user, work.destination, now).next_at)
    soonest = min((at for at in (due, other) if at is not None), default=None)
    gap = timedelta(seconds=work.destination.limits.gap_seconds if asked else 0)
    return None if soonest is None else max(soonest, now + gap)
