"""Lanes: when each linked account is served next, and by whom right now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, Update, bindparam, case, delete, func, or_, select, update

from openportability.clock import micros
from openportability.db.dialect import Dialect
from openportability.db.engine import Tx
from openportability.db.schema import grants, lanes
from openportability.domain import Account, AccountId, NetworkName, UserId
from openportability.reconnection import host_store
from openportability.reconnection.lane import Lane, read, stored
from openportability.reconnection.rules import LaneState

#: Longer than a slice may take. Who was killed is replaced at once where that is seen
#: (`let_go`), else after this.
LEASE = timedelta(seconds=120)
_LANES_OF = select(lanes).where(lanes.c.user_id == bindparam("user")).order_by(lanes.c.account_id)
_LANES_HELD = _LANES_OF.with_for_update()


def open_lanes(tx: Tx, user: UserId, accounts: Sequence[Account]) -> None:
    """Hold all lanes of a user, and make those of these accounts that are not there yet; nothing is due in them.

    Where the person has paused, that is for those that come later, too.
    """
    held = {lane.account: lane.state for lane in hold_all(tx, user)}
    paused = LaneState.PAUSED in held.values()
    rows = [
        {
            "account_id": account.id,
            "user_id": account.user,
            "network": account.actor.network,
            "instance": account.actor.instance,
            "state": LaneState.PAUSED if paused else LaneState.OPEN,
            "spent": "[]",
            "failures": 0,
        }
        for account in sorted(accounts, key=lambda account: account.id)
        if account.id not in held
    ]
    if rows:
        tx.execute(tx.dialect.insert_missing(lanes, key=["account_id"]), rows)
        hold_all(tx, user)


def hold(tx: Tx, accounts: Sequence[AccountId]) -> dict[AccountId, Lane]:
    """Return lanes that nobody else changes until the transaction ends; always in the same order.

    Whoever changes rows of the ledger holds their lane first: so a slice and its person never
    wait for each other, and none overlooks what the other has just written.
    """
    rows = tx.execute(_held(tx.dialect), {"accounts": accounts}).all()
    return {AccountId(row.account_id): read(row) for row in rows}


@cache
def _held(dialect: Dialect) -> Select[Any]:
    these = dialect.among_given(lanes.c.account_id, "accounts")
    return select(lanes).where(these).order_by(lanes.c.account_id).with_for_update()


def hold_all(tx: Tx, user: UserId) -> list[Lane]:
    """Hold all lanes of a user, always in the same order."""
    return [read(row) for row in tx.execute(_LANES_HELD, {"user": user})]


def lanes_of(tx: Tx, user: UserId) -> list[Lane]:
    """Return a user's lanes."""
    return [read(row) for row in tx.execute(_LANES_OF, {"user": user})]


_WAKE = (
    update(lanes)
    .where(
        lanes.c.account_id == bindparam("lane"),
        lanes.c.failures == 0,
        or_(lanes.c.next_at.is_(None), lanes.c.next_at > bindparam("now")),
    )
    .values(next_at=bindparam("now"))
)


def wake(tx: Tx, account: AccountId, now: datetime) -> None:
    """Have a lane looked at now, unless its network told us to wait or does not answer."""
    tx.execute(_WAKE, {"lane": account, "now": micros(now)})


def due_lanes(
    tx: Tx, networks: Sequence[NetworkName], now: datetime, limit: int
) -> list[AccountId]:
    """Return lanes on these networks to be served now, longest due first."""
    rows = tx.execute(
        select(lanes.c.account_id)
        .where(
            lanes.c.state == LaneState.OPEN,
            lanes.c.network.in_(networks),
            lanes.c.next_at <= micros(now),
            or_(lanes.c.lease_until.is_(None), lanes.c.lease_until < micros(now)),
            ~host_store.left_alone(now),
        )
        .order_by(lanes.c.next_at)
        .limit(limit)
    )
    return [AccountId(account) for (account,) in rows]


def claim(tx: Tx, accounts: Sequence[AccountId], token: str, now: datetime) -> None:
    """Take the lease of lanes that are held and due."""
    given = {"accounts": accounts, "lease": token, "lease_until": micros(now + LEASE)}
    tx.execute(_claimed(tx.dialect), given)


@cache
def _claimed(dialect: Dialect) -> Update:
    these = dialect.among_given(lanes.c.account_id, "accounts")
    return (
        update(lanes)
        .where(these)
        .values(lease=bindparam("lease"), lease_until=bindparam("lease_until"))
    )


def holders(tx: Tx) -> set[str]:
    """Return the processes that serve a lane now; a lease begins with the name of its process."""
    leases = tx.execute(select(lanes.c.lease).where(lanes.c.lease.is_not(None))).scalars()
    return {lease.partition(":")[0] for lease in leases}


def let_go(tx: Tx, processes: Iterable[str]) -> None:
    """End the leases of processes that are gone: their work need not wait until those run out."""
    for process in processes:
        tx.execute(
            update(lanes)
            .where(lanes.c.lease.startswith(f"{process}:", autoescape=True))
            .values(lease=None, lease_until=None)
        )


def put_back(tx: Tx, changed: Sequence[Lane]) -> None:
    """Write lanes that are held as they are now."""
    rows = [{"account_id": one.account, **stored(one)} for one in changed]
    tx.dialect.update_each(tx, lanes, ["account_id"], rows)


def pause(tx: Tx, user: UserId) -> int:
    """Pause what is open, or waits for a sign-in; work under way ends before its next call.

    Whether a sign-in is still missing, the first slice after the pause finds out.
    """
    runs = (LaneState.OPEN, LaneState.SIGNED_OUT)
    done = tx.execute(
        update(lanes)
        .where(lanes.c.user_id == user, lanes.c.state.in_(runs))
        .values(state=LaneState.PAUSED, reason=None)
    )
    return done.rowcount


def resume(tx: Tx, user: UserId, now: datetime, closed: Sequence[LaneState]) -> list[AccountId]:
    """Open again what is closed in these ways; return those lanes.

    Who was paused while the network had asked us to wait goes on waiting.
    """
    waits = (lanes.c.state == LaneState.PAUSED) & (lanes.c.failures > 0)
    rows = tx.execute(
        update(lanes)
        .where(lanes.c.user_id == user, lanes.c.state.in_(closed))
        .values(
            state=LaneState.OPEN,
            reason=None,
            next_at=case((waits, func.coalesce(lanes.c.next_at, micros(now))), else_=micros(now)),
            failures=case((waits, lanes.c.failures), else_=0),
        )
        .returning(lanes.c.account_id)
    )
    return [AccountId(account) for (account,) in rows]


def signed_out_elsewhere(tx: Tx) -> list[AccountId]:
    """Return open lanes that nobody serves and whose grant has ended all the same."""
    rows = tx.execute(
        select(lanes.c.account_id)
        .join(grants, grants.c.account_id == lanes.c.account_id)
        .where(
            # A grant that ended has no turn: so few are looked through, by that index.
            *(grants.c.turn_at.is_(None), grants.c.state == "dead"),
            *(lanes.c.state == LaneState.OPEN, lanes.c.lease.is_(None)),
        )
    )
    return [AccountId(account) for (account,) in rows]


def sign_out(tx: Tx, accounts: Sequence[AccountId], reason: str) -> None:
    """Let lanes wait for a sign-in, unless they changed meanwhile."""
    held = hold(tx, accounts).values()
    still = [lane for lane in held if lane.state is LaneState.OPEN and lane.lease is None]
    out = LaneState.SIGNED_OUT
    put_back(tx, [replace(lane, state=out, reason=reason, next_at=None) for lane in still])


def signed_in_again(tx: Tx) -> list[AccountId]:
    """Return lanes that waited for a sign-in and may follow again."""
    rows = tx.execute(
        select(lanes.c.account_id)
        .join(grants, grants.c.account_id == lanes.c.account_id)
        .where(lanes.c.state == LaneState.SIGNED_OUT, grants.c.state == "live", grants.c.can_follow)
    )
    return [AccountId(account) for (account,) in rows]


def reopen(tx: Tx, accounts: Sequence[AccountId], now: datetime) -> None:
    """Open lanes that waited for a sign-in."""
    tx.execute(
        update(lanes)
        .where(
            tx.dialect.among(lanes.c.account_id, accounts), lanes.c.state == LaneState.SIGNED_OUT
        )
        .values(
            state=LaneState.OPEN,
            reason=None,
            next_at=micros(now),
            failures=0,
        )
    )


def drop_lane(tx: Tx, account: AccountId) -> None:
    """Forget the lane of an account that is being unlinked."""
    tx.execute(delete(lanes).where(lanes.c.account_id == account))
