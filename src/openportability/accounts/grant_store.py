"""Grants, sealed under their owner's key; and grants to be revoked, which no longer say whose they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, insert, or_, select, update

from openportability.clock import micros, moment
from openportability.db.dialect import Dialect
from openportability.db.engine import Tx
from openportability.db.schema import grants, revocations
from openportability.domain import AccountId, ActorId, Deed, Grant, NetworkName, UserId
from openportability.vault import PersonalKey, Vault

#: One refresh at a time: longer than any call to a network may take.
LEASE = timedelta(seconds=90)
#: Networks end sessions that rest for months, some for two weeks.
TURN = timedelta(days=7)
_LIVE, _DEAD = "live", "dead"


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """A grant to be ended at its network, at the `tries`-th attempt."""

    id: int
    grant: Grant
    tries: int


def put_grant(
    tx: Tx, key: PersonalKey, user: UserId, account: AccountId, grant: Grant, now: datetime
) -> None:
    """Keep a grant in place of the one before; it lives until the network says otherwise."""
    row = {
        "account_id": account,
        "user_id": user,
        "sealed": key.seal(_packed(grant), _place(account)),
        "can_follow": grant.can_follow,
        "expires_at": micros(grant.expires_at) if grant.expires_at else None,
        "lease": None,
        "lease_until": None,
        "state": _LIVE,
        "turn_at": micros(now + TURN),
    }
    change = [name for name in row if name != "account_id"]
    tx.execute(tx.dialect.upsert(grants, key=["account_id"], change=change), row)


_LIVE_GRANT = select(grants.c.sealed).where(
    grants.c.account_id == bindparam("account"), grants.c.state == _LIVE
)


def live_grant(tx: Tx, key: PersonalKey, account: AccountId) -> Grant | None:
    """Return the grant of an account, or None when there is none that lives."""
    sealed = tx.execute(_LIVE_GRANT, {"account": account}).scalar()
    return None if sealed is None else _unpacked(key.open(sealed, _place(account)))


def live_grants(tx: Tx, keys: Mapping[AccountId, PersonalKey]) -> dict[AccountId, Grant]:
    """Return the grants that live, of accounts with their owners' keys."""
    rows = tx.execute(_live(tx.dialect), {"accounts": list(keys)}).all()
    return {
        row.account_id: _unpacked(keys[row.account_id].open(row.sealed, _place(row.account_id)))
        for row in rows
    }


@cache
def _live(dialect: Dialect) -> Select[Any]:
    return select(grants.c.account_id, grants.c.sealed).where(
        dialect.among_given(grants.c.account_id, "accounts"), grants.c.state == _LIVE
    )


_MAY_FOLLOW = select(grants.c.account_id).where(
    grants.c.user_id == bindparam("user"), grants.c.state == _LIVE, grants.c.can_follow
)


def may_follow(tx: Tx, user: UserId) -> set[AccountId]:
    """Return the accounts of a user whose grants live and allow following."""
    return {AccountId(account) for (account,) in tx.execute(_MAY_FOLLOW, {"user": user})}


def due_turns(tx: Tx, now: datetime, most: int) -> list[AccountId]:
    """Return accounts whose grants are to be seen to by now, who waited longest first."""
    rows = tx.execute(
        select(grants.c.account_id)
        .where(grants.c.turn_at <= micros(now))
        .order_by(grants.c.turn_at)
        .limit(most)
    )
    return [AccountId(account) for (account,) in rows]


def take_turn(tx: Tx, account: AccountId, *, now: datetime, again_at: datetime) -> bool:
    """See to a grant that is due; nobody else does before `again_at`. Say whether it was due."""
    due = grants.c.account_id == account, grants.c.turn_at <= micros(now)
    return tx.execute(update(grants).where(*due).values(turn_at=micros(again_at))).rowcount == 1


def end_turn(tx: Tx, account: AccountId, *, again_at: datetime, next_at: datetime) -> None:
    """Have it seen to at `next_at` instead, unless it died or another one came meanwhile."""
    ours = grants.c.account_id == account, grants.c.turn_at == micros(again_at)
    tx.execute(update(grants).where(*ours).values(turn_at=micros(next_at)))


def hurry_turns(tx: Tx, user: UserId, now: datetime) -> None:
    """Have a user's grants that live seen to now."""
    theirs = grants.c.user_id == user, grants.c.turn_at > micros(now)
    tx.execute(update(grants).where(*theirs).values(turn_at=micros(now)))


def move_grants(tx: Tx, old: PersonalKey, new: PersonalKey, user: UserId, to: UserId) -> None:
    """Let all grants of a user be another's, whoever refreshes one of them just now."""
    for row in tx.execute(
        select(grants.c.account_id, grants.c.sealed).where(grants.c.user_id == user)
    ).all():
        place = _place(AccountId(row.account_id))
        tx.execute(
            update(grants)
            .where(grants.c.account_id == row.account_id)
            .values(user_id=to, sealed=new.seal(old.open(row.sealed, place), place))
        )


def lease(tx: Tx, account: AccountId, token: str, now: datetime) -> bool:
    """Take the right to refresh a grant, unless somebody has it."""
    done = tx.execute(
        update(grants)
        .where(
            grants.c.account_id == account,
            grants.c.state == _LIVE,
            or_(grants.c.lease.is_(None), grants.c.lease_until < micros(now)),
        )
        .values(lease=token, lease_until=micros(now + LEASE))
    )
    return done.rowcount == 1


def save_refreshed(tx: Tx, key: PersonalKey, account: AccountId, grant: Grant, token: str) -> bool:
    """Keep a refreshed grant, if the lease is still ours; say whether it is.

    It is not when the person signed in again or unlinked the account meanwhile.
    """
    done = tx.execute(
        update(grants)
        .where(grants.c.account_id == account, grants.c.lease == token)
        .values(
            sealed=key.seal(_packed(grant), _place(account)),
            can_follow=grant.can_follow,
            expires_at=micros(grant.expires_at) if grant.expires_at else None,
        )
    )
    return done.rowcount == 1


def release(tx: Tx, account: AccountId, token: str) -> None:
    """Give back the right to refresh."""
    tx.execute(
        update(grants)
        .where(grants.c.account_id == account, grants.c.lease == token)
        .values(lease=None, lease_until=None)
    )


def kill_grant(tx: Tx, account: AccountId) -> None:
    """Note that the network no longer accepts a grant."""
    tx.execute(
        update(grants).where(grants.c.account_id == account).values(state=_DEAD, turn_at=None)
    )


def kill_leased(tx: Tx, account: AccountId, token: str) -> None:
    """Note that the network refused to refresh a grant, unless another one came meanwhile."""
    tx.execute(
        update(grants)
        .where(grants.c.account_id == account, grants.c.lease == token)
        .values(state=_DEAD, turn_at=None)
    )


def queue_revocation(tx: Tx, vault: Vault, grant: Grant, now: datetime) -> int:
    """Have a grant ended at its network, whatever becomes of its owner's row; return its number."""
    made: int = tx.execute(
        insert(revocations)
        .values(
            network=grant.network,
            sealed=vault.seal(_packed(grant), "revocations"),
            tries=0,
            next_at=micros(now),
        )
        .returning(revocations.c.id)
    ).scalar_one()
    return made


def due_revocations(tx: Tx, now: datetime) -> list[int]:
    """Return what is to be revoked by now."""
    rows = tx.execute(select(revocations.c.id).where(revocations.c.next_at <= micros(now)))
    return [number for (number,) in rows]


def take_revocation(
    tx: Tx, vault: Vault, number: int, *, now: datetime, again_at: datetime
) -> Revocation | None:
    """Take one try at a due revocation; nobody else takes one before `again_at`."""
    row = tx.execute(
        update(revocations)
        .where(revocations.c.id == number, revocations.c.next_at <= micros(now))
        .values(tries=revocations.c.tries + 1, next_at=micros(again_at))
        .returning(revocations.c.sealed, revocations.c.tries)
    ).one_or_none()
    if row is None:
        return None
    grant = _unpacked(vault.open(row.sealed, "revocations"))
    return Revocation(id=number, grant=grant, tries=row.tries)


def hurry_revocations(tx: Tx, now: datetime) -> None:
    """Let all that waits be tried now."""
    waits = revocations.c.next_at > micros(now)
    tx.execute(update(revocations).where(waits).values(next_at=micros(now)))


def revocations_waiting(tx: Tx) -> int:
    """Return how many grants are still to be ended at their networks."""
    count: int = tx.execute(select(func.count()).select_from(revocations)).scalar_one()
    return count


def drop_revocation(tx: Tx, number: int) -> None:
    """It is revoked, or it will never be."""
    tx.execute(delete(revocations).where(revocations.c.id == number))


def _packed(grant: Grant) -> bytes:
    return json.dumps(
        {
            "network": grant.network,
            "instance": grant.instance,
            "actor_id": grant.actor_id,
            "scopes": sorted(grant.scopes),
            "can_follow": grant.can_follow,
            "can_avoid": sorted(grant.can_avoid),
            "expires_at": micros(grant.expires_at) if grant.expires_at else None,
            "secret": grant.secret,
        }
    ).encode()


def _unpacked(packed: bytes) -> Grant:
    form = json.loads(packed)
    return Grant(
        network=NetworkName(form["network"]),
        instance=form["instance"],
        actor_id=ActorId(form["actor_id"]),
        scopes=frozenset(form["scopes"]),
        can_follow=form["can_follow"],
        can_avoid=frozenset(map(Deed, form["can_avoid"])),
        expires_at=None if form["expires_at"] is None else moment(form["expires_at"]),
        secret=form["secret"],
    )


def _place(account: AccountId) -> str:
    return f"grants:{account}"
