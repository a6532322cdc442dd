"""Take lanes to serve them once, and choose what to do in each: all that a slice needs is read here."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from openportability.accounts import grant_store
from openportability.accounts import store as accounts
from openportability.accounts.people import User
from openportability.clock import monotonic
from openportability.db.engine import Tx
from openportability.domain import (
    Account,
    AccountId,
    Actor,
    Deed,
    Grant,
    NetworkName,
    Relationship,
    UserId,
    Wanted,
)
from openportability.errors import NetworkError, Unavailable
from openportability.network import Answers, Destination, Network
from openportability.reconnection import (
    due_store,
    host_store,
    lane_store,
    pacing,
    reach,
    rules,
    sealing,
    ways,
)
from openportability.reconnection.host_store import Host
from openportability.reconnection.lane import Lane
from openportability.reconnection.ledger import Place, Reconnection
from openportability.reconnection.rules import Decision, State
from openportability.site import Site
from openportability.vault import PersonalKey

#: Why a lane waits after an error that is none of the network's.
OUR_MISTAKE = "svc.internal"


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What one claim of a lane is about."""

    token: str
    lane: Lane
    user: User
    key: PersonalKey
    account: Account
    network: Network
    destination: Destination
    #: What its rows want: follows, blocks or mutes.
    deed: Deed
    #: None where the person must sign in.
    grant: Grant | None
    undo: Sequence[Reconnection]
    follow: Sequence[Reconnection]
    look: Sequence[Reconnection]
    #: Today's accounts of those whom rows are about.
    whom: Mapping[Place, Account]
    #: Those among them who are not to be followed (blocked, muted) any more.
    closed: Collection[AccountId]
    #: How often in a row the host failed before, whoever was served there.
    host_failures: int
    taken_at: datetime
    began: float

    def way(self, grant: Grant) -> ways.Way:
        """Return how the network is asked about its rows."""
        return ways.way(self.network, self.deed, grant)

    def actor(self, row: Reconnection) -> Actor:
        """Return whom a row is about: today's actor, a declared successor, or as when it was asked for."""
        known, asked = self.whom.get(row.place), row.actor if row.asked_at else None
        # A bridge may keep another copy by now: what was asked for is looked at and undone where it was.
        if known is not None and not row.moved and (asked is None or asked.id == known.actor.id):
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
        return _open(row, self.whom, self.closed) and row.held is None

    def batch(self, rows: Sequence[Reconnection]) -> list[Reconnection]:
        """Return the rows of the next call: fewer where some failed before, so that a bad one is alone at last.

        A wait that the network asked for is nobody's failure.
        """
        most = self.destination.limits.batch
        size, going = most >> _mistakes(self.lane), list[Reconnection]()
        for row in rows:
            size = max(1, min(size, most >> min(row.attempts, 16)))
            if len(going) >= size:
                break
            going.append(row)
        return going


def _mistakes(lane: Lane) -> int:
    """Return how often the next slice is halved: twice for each that a mistake of ours ended."""
    return min(2 * lane.failures, 16) if lane.reason == OUR_MISTAKE else 0


@dataclass(frozen=True, kw_only=True)
class _Due:
    """A lane that is due, and where its follows are made."""

    lane: Lane
    destination: Destination
    host: Host


def destination_of(site: Site, network: NetworkName) -> Destination | None:
    """Return where follows are made; None where the operator no longer has that network."""
    loaded = site.networks.get(network)
    return loaded.destination if loaded else None


def answer_of(answers: Answers, actor: Actor) -> Relationship | NetworkError:
    """Return what was answered about an actor. Left out, it is as good as no answer."""
    return answers.of.get(actor.id, Unavailable("net.garbage"))


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


def allowed_undo(lane: Lane, destination: Destination, now: datetime) -> pacing.Allowed:
    """Return how many a lane may take back now, or when again."""
    return pacing.allow_undo(
        destination.limits,
        lane.spent,
        remaining=lane.remaining,
        reset_at=lane.reset_at,
        now=now,
    )


def claim(site: Site, tx: Tx, lanes: Collection[Lane]) -> dict[AccountId, Slice]:
    """Take those of these lanes that are due, and choose what to do in each. They are held.

    Left out is what is not due, what somebody else serves, or whose server is left alone.
    """
    now = site.clock.now()
    due = _due(site, tx, lanes, now)
    if not due:
        return {}
    token = f"{site.db.presence.name()}:{secrets.token_hex(16)}"
    lane_store.claim(tx, list(due), token, now)
    return _slices(site, tx, due, token, now)


def _due(site: Site, tx: Tx, lanes: Collection[Lane], now: datetime) -> dict[AccountId, _Due]:
    hosts = host_store.of_lanes(tx, [lane.account for lane in lanes])
    due: dict[AccountId, _Due] = {}
    probed: set[tuple[NetworkName, str]] = set()
    for lane in lanes:
        destination = destination_of(site, lane.network)
        host, where = hosts.get(lane.account, Host()), (lane.network, lane.instance)
        if destination is None or not lane.due(now) or not host.answers(now) or where in probed:
            continue
        if host.doubtful:
            probed.add(where)
        due[lane.account] = _Due(lane=lane, destination=destination, host=host)
    for network, instance in sorted(probed):
        host_store.probe(tx, network, instance, now)
    return due


def _slices(
    site: Site, tx: Tx, due: Mapping[AccountId, _Due], token: str, now: datetime
) -> dict[AccountId, Slice]:
    """Read all that these lanes need, each table once."""
    users = sorted({one.lane.user for one in due.values()})
    people = accounts.users_by_id(tx, users)
    own = accounts.accounts_by_id(tx, list(due))
    of_users = accounts.personal_keys(tx, site.vault, users)
    keys = {account: of_users[one.lane.user] for account, one in due.items()}
    grants = grant_store.live_grants(tx, keys)
    rows = _chosen(tx, due, people, keys, now)
    all_whom = {row.place for kinds in rows.values() for some in kinds for row in some}
    whom = reach.places(tx, all_whom)
    closed = _closed(tx, due, of_users, rows, whom)
    slices, changed = {}, []
    for account, one in due.items():
        undo, follow, look = rows[account]
        shut = closed.get(account, set())
        closing = [row for row in (*follow, *look) if not (row.asked_at or _open(row, whom, shut))]
        changed += [sealing.stored(keys[account], row.decided(_UNSENT, now)) for row in closing]
        slices[account] = Slice(
            token=token,
            lane=one.lane,
            user=people[one.lane.user],
            key=keys[account],
            account=own[account],
            network=site.networks[one.lane.network],
            destination=one.destination,
            deed=_deed(rows[account]),
            grant=grants.get(account),
            undo=undo,
            follow=[row for row in follow if row not in closing],
            look=[row for row in look if row not in closing],
            whom=whom,
            closed=shut,
            host_failures=one.host.failures,
            taken_at=now,
            began=monotonic(),
        )
    due_store.put(tx, changed)
    return slices


#: Undo, follow, look.
_Kinds = tuple[list[Reconnection], list[Reconnection], list[Reconnection]]
_UNSENT = Decision(state=State.CANCELLED, reason=rules.UNAVAILABLE, unsent=True)


def _chosen(
    tx: Tx,
    due: Mapping[AccountId, _Due],
    people: Mapping[UserId, User],
    keys: Mapping[AccountId, PersonalKey],
    now: datetime,
) -> dict[AccountId, _Kinds]:
    """Undo first, as pacing allows; else what was stopped half-way, follows, and pending requests."""
    chosen: dict[AccountId, _Kinds] = {}
    looks = {
        account: max(1, one.destination.limits.look >> _mistakes(one.lane))
        for account, one in due.items()
    }
    for most in sorted(set(looks.values())):
        mine = [account for account in due if looks[account] == most]
        read = due_store.due(tx, mine, now, most)
        for account in mine:
            one = due[account]
            count = allowed(one.lane, people[one.lane.user], one.destination, now).count
            undos = allowed_undo(one.lane, one.destination, now).count
            kinds = due_store.chosen(read.get(account, ()), most, count, undos)
            undo, follow, look = (sealing.opened(keys[account], kind) for kind in kinds)
            chosen[account] = undo, follow, look
    return chosen


def _closed(
    tx: Tx,
    due: Mapping[AccountId, _Due],
    keys: Mapping[UserId, PersonalKey],
    rows: Mapping[AccountId, _Kinds],
    whom: Mapping[Place, Account],
) -> dict[AccountId, set[AccountId]]:
    """Return for each lane who is not to be followed (blocked, muted) any more, among those who are not yet."""
    found: dict[AccountId, set[AccountId]] = {}
    for deed in Deed:
        asked: dict[UserId, list[Account]] = {}
        mine = {account: kinds for account, kinds in rows.items() if _deed(kinds) is deed}
        for account, (_, follow, look) in mine.items():
            handed = [row for row in look if row.state is State.HANDED]
            known = [whom[row.place] for row in (*follow, *handed) if row.place in whom]
            if known:
                asked.setdefault(due[account].lane.user, []).extend(known)
        closed = reach.closed(tx, keys, asked, deed) if asked else {}
        found |= {account: closed.get(due[account].lane.user, set()) for account in mine}
    return found


def _deed(kinds: _Kinds) -> Deed:
    """Return what the rows of a slice want: all the same."""
    return next((row.deed for rows in kinds for row in rows), Deed.FOLLOW)


def _open(row: Reconnection, whom: Mapping[Place, Account], closed: Collection[AccountId]) -> bool:
    return row.place in whom and row.whom not in closed
