"""Copies that bridges keep of our users, in and out. None is an account: nobody signs in by it or is found by it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Select, bindparam, delete, or_, select, update

from openportability.accounts import rows
from openportability.accounts.people import Twin
from openportability.db.dialect import Dialect
from openportability.db.engine import Tx
from openportability.db.schema import accounts, twins, users
from openportability.domain import Account, AccountId, Actor, NetworkName, Proof, UserId

_WISH = select(users.c.bridged).where(users.c.id == bindparam("user")).with_for_update()


def hold_wish(tx: Tx, user: UserId) -> bool:
    """Say whether others may follow a user's copies; they choose no otherwise until this ends."""
    return tx.execute(_WISH, {"user": user}).scalar() == rows.BRIDGED


def put(tx: Tx, of: Account, copy: Actor) -> None:
    """Keep a copy in place of what was known on its network."""
    seen = rows.seen(copy)
    del seen["number"]
    row = {
        "account_id": of.id,
        "user_id": of.user,
        "network": copy.network,
        "actor_id": copy.id,
        **seen,
    }
    change = ["actor_id", *seen]
    tx.execute(tx.dialect.upsert(twins, key=["account_id", "network"], change=change), row)


def drop(tx: Tx, of: AccountId, network: NetworkName) -> None:
    """Forget an account's copy on a network: there is none any more."""
    tx.execute(delete(twins).where(twins.c.account_id == of, twins.c.network == network))


def drop_of(tx: Tx, user: UserId) -> None:
    """Forget all copies of a user."""
    tx.execute(delete(twins).where(twins.c.user_id == user))


def drop_where_native(tx: Tx, user: UserId) -> None:
    """Forget a user's copies where they are themselves by now."""
    there = select(accounts.c.network).where(
        accounts.c.user_id == user, accounts.c.proof == Proof.PROVED
    )
    tx.execute(delete(twins).where(twins.c.user_id == user, twins.c.network.in_(there)))


_ENDED = delete(twins).where(
    twins.c.network == bindparam("network"),
    or_(twins.c.user_id == bindparam("user"), twins.c.actor_id == bindparam("actor")),
)


def drop_ended_by(tx: Tx, account: Account) -> None:
    """Forget what an account that was proved puts an end to: copies of its user there, and it as anybody's copy."""
    actor = account.actor
    tx.execute(_ENDED, {"network": actor.network, "user": account.user, "actor": actor.id})


def drop_as(tx: Tx, actor: Actor) -> None:
    """Forget an actor as anybody's copy."""
    mine = twins.c.network == actor.network, twins.c.actor_id == actor.id
    tx.execute(delete(twins).where(*mine))


def move(tx: Tx, user: UserId, to: UserId) -> None:
    """Let all copies of a user be another's: the two are one person."""
    tx.execute(update(twins).where(twins.c.user_id == user).values(user_id=to))


def of_users(tx: Tx, users: Sequence[UserId]) -> list[Twin]:
    """Return all copies of these users."""
    return _read(tx, twins.c.user_id, users)


def of_accounts(tx: Tx, accounts: Sequence[AccountId]) -> list[Twin]:
    """Return all copies of these accounts."""
    return _read(tx, twins.c.account_id, accounts)


def _read(tx: Tx, column: Column[Any], ids: Sequence[int]) -> list[Twin]:
    found = tx.execute(_among(tx.dialect, column), {"ids": ids}).all()
    return [rows.twin(row) for row in found]


@cache
def _among(dialect: Dialect, column: Column[Any]) -> Select[Any]:
    wanted = select(twins).where(dialect.among_given(column, "ids"))
    return wanted.order_by(twins.c.account_id, twins.c.network)
