"""Users, their keys and their accounts, in and out. Grants and sessions have stores of their own beside this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Row, delete, func, insert, select, update

from openportability.accounts.people import Listed, User
from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.db.schema import accounts, grants, user_keys, users
from openportability.domain import (
    Account,
    AccountId,
    Actor,
    ActorId,
    Found,
    Key,
    NetworkName,
    Pace,
    Proof,
    Standing,
    UserId,
)
from openportability.vault import PersonalKey, Vault

#: The directory: all that finding people needs to know of them.
_LINES = select(
    accounts.c.id,
    accounts.c.user_id,
    accounts.c.network,
    accounts.c.key,
    accounts.c.proof,
    accounts.c.seq,
    users.c.found,
).join(users, users.c.id == accounts.c.user_id)
#: Keys are unsigned, columns are signed: this keeps their order.
_OFFSET = 2**63


class HeldMeanwhile(Exception):
    """Somebody linked this actor since we looked: roll back and look again."""


def create_user(tx: Tx, vault: Vault, locale: str, now: datetime) -> UserId:
    """Make a user who is found by nobody and asked for everything, with a key of their own."""
    made = tx.execute(
        insert(users)
        .values(
            locale=locale,
            found=Found.NOBODY,
            standing=Standing.OFF,
            pace=Pace.NORMAL,
            seen_at=micros(now),
            created_at=micros(now),
        )
        .returning(users.c.id)
    ).scalar_one()
    tx.execute(insert(user_keys).values(user_id=made, wrapped=vault.new_personal_key(made)))
    return UserId(made)


def user(tx: Tx, user_id: UserId) -> User | None:
    """Return a user, or None when there is none (any more)."""
    row = tx.execute(select(users).where(users.c.id == user_id)).one_or_none()
    return None if row is None else _user(row)


def hold(tx: Tx, user_id: UserId, now: datetime) -> bool:
    """Note that a person is here, and let nobody else change what is theirs until this ends.

    Say whether they (still) take part.
    """
    done = tx.execute(update(users).where(users.c.id == user_id).values(seen_at=micros(now)))
    return done.rowcount == 1


def users_of(tx: Tx, user_ids: Sequence[UserId]) -> dict[UserId, User]:
    """Return those of these users who are still here."""
    rows = tx.execute(select(users).where(tx.dialect.among(users.c.id, user_ids)))
    return {UserId(row.id): _user(row) for row in rows}


def choose(tx: Tx, user_id: UserId, **chosen: str) -> None:
    """Write what a user chose: `found`, `standing`, `pace`, `locale`."""
    tx.execute(update(users).where(users.c.id == user_id).values(**chosen))


def personal_key(tx: Tx, vault: Vault, user_id: UserId) -> PersonalKey:
    """Return the key of all that is sealed for a user."""
    wrapped = tx.execute(
        select(user_keys.c.wrapped).where(user_keys.c.user_id == user_id)
    ).scalar_one()
    return vault.personal(wrapped, user_id)


def account(tx: Tx, account_id: AccountId) -> Account | None:
    """Return an account, or None when it was unlinked."""
    row = tx.execute(select(accounts).where(accounts.c.id == account_id)).one_or_none()
    return None if row is None else _account(row)


def accounts_of(tx: Tx, user_id: UserId) -> list[Account]:
    """Return a user's accounts, oldest first."""
    rows = tx.execute(select(accounts).where(accounts.c.user_id == user_id).order_by(accounts.c.id))
    return [_account(row) for row in rows]


def accounts_of_all(tx: Tx, user_ids: Sequence[UserId]) -> list[Account]:
    """Return the accounts of many users, oldest first."""
    rows = tx.execute(
        select(accounts)
        .where(tx.dialect.among(accounts.c.user_id, user_ids))
        .order_by(accounts.c.id)
    )
    return [_account(row) for row in rows]


def accounts_by_id(tx: Tx, account_ids: Sequence[AccountId]) -> dict[AccountId, Account]:
    """Return those of these accounts that are still linked."""
    rows = tx.execute(select(accounts).where(tx.dialect.among(accounts.c.id, account_ids)))
    return {AccountId(row.id): _account(row) for row in rows}


def account_of_actor(tx: Tx, network: NetworkName, actor_id: ActorId) -> Account | None:
    """Return who is, or claims to be, this actor."""
    row = tx.execute(
        select(accounts).where(accounts.c.network == network, accounts.c.actor_id == actor_id)
    ).one_or_none()
    return None if row is None else _account(row)


def ids_by_handle(tx: Tx, network: NetworkName, handles: Sequence[str]) -> Mapping[str, ActorId]:
    """Return who was seen under these handles, by handle; of two, the one seen last."""
    named = select(accounts.c.handle, accounts.c.actor_id).order_by(accounts.c.seen_at)
    of_these = tx.dialect.among(accounts.c.handle, handles)
    rows = tx.execute(named.where(accounts.c.network == network, of_these))
    return {row.handle: ActorId(row.actor_id) for row in rows}


def add_account(tx: Tx, user_id: UserId, actor: Actor, key: Key, proof: Proof) -> Account:
    """Link an actor that nobody here has; raise `HeldMeanwhile` when somebody was quicker.

    Its sequence makes the next sweep meet it as a newcomer.
    """
    made = tx.execute(
        tx.dialect.insert_missing(accounts, key=["network", "actor_id"])
        .values(
            user_id=user_id,
            network=actor.network,
            actor_id=actor.id,
            key=key - _OFFSET,
            proof=proof,
            seq=tx.dialect.next_seq(tx, "accounts"),
            **_seen(actor),
        )
        .returning(accounts.c.id)
    ).scalar()
    if made is None:
        raise HeldMeanwhile
    return Account(id=AccountId(made), user=user_id, actor=actor, key=key, proof=proof)


def see_actor(tx: Tx, account_id: AccountId, actor: Actor) -> None:
    """Note handle, name and place as the network gave them just now."""
    tx.execute(update(accounts).where(accounts.c.id == account_id).values(**_seen(actor)))


def prove(tx: Tx, account_id: AccountId) -> None:
    """Turn a claimed account into a proved one, and let the sweep meet it."""
    tx.execute(
        update(accounts)
        .where(accounts.c.id == account_id)
        .values(proof=Proof.PROVED, seq=tx.dialect.next_seq(tx, "accounts"))
    )


def meet_again(tx: Tx, user_id: UserId) -> None:
    """Let the next sweep look at a user's accounts as if they were new (they may now be found)."""
    tx.execute(
        update(accounts)
        .where(accounts.c.user_id == user_id)
        .values(seq=tx.dialect.next_seq(tx, "accounts"))
    )


def drop_account(tx: Tx, account_id: AccountId) -> None:
    """Forget an account and its grant; what else points to it must be gone before."""
    tx.execute(delete(grants).where(grants.c.account_id == account_id))
    tx.execute(delete(accounts).where(accounts.c.id == account_id))


def listed_since(tx: Tx, seq: int, limit: int) -> list[Listed]:
    """Return accounts new or changed after a sequence number, in its order.

    Whole sequence numbers only: accounts that share the last one all come, even beyond `limit`.
    """
    last = tx.execute(
        select(accounts.c.seq)
        .where(accounts.c.seq > seq)
        .order_by(accounts.c.seq)
        .limit(1)
        .offset(limit - 1)
    ).scalar()
    wanted = _LINES.where(accounts.c.seq > seq).order_by(accounts.c.seq, accounts.c.id)
    rows = tx.execute(wanted if last is None else wanted.where(accounts.c.seq <= last))
    return [_listed(row) for row in rows]


def listed_of(tx: Tx, user_ids: Sequence[UserId]) -> list[Listed]:
    """Return all lines of these users, oldest account first."""
    wanted = _LINES.where(tx.dialect.among(accounts.c.user_id, user_ids)).order_by(accounts.c.id)
    return [_listed(row) for row in tx.execute(wanted)]


def listed_by_id(tx: Tx, account_ids: Sequence[AccountId]) -> list[Listed]:
    """Return the lines of those of these accounts that are still linked, oldest first."""
    wanted = _LINES.where(tx.dialect.among(accounts.c.id, account_ids)).order_by(accounts.c.id)
    return [_listed(row) for row in tx.execute(wanted)]


def users_listed(tx: Tx, network: NetworkName, keys: Sequence[int]) -> set[UserId]:
    """Return who is here of these keys."""
    shifted = [key - _OFFSET for key in keys]
    rows = tx.execute(
        select(accounts.c.user_id).where(
            accounts.c.network == network, tx.dialect.among(accounts.c.key, shifted)
        )
    )
    return {UserId(user) for user in rows.scalars()}


def owners_of(tx: Tx, account_ids: Sequence[AccountId]) -> dict[AccountId, UserId]:
    """Return whose these accounts are, of those that are still linked."""
    rows = tx.execute(
        select(accounts.c.id, accounts.c.user_id).where(
            tx.dialect.among(accounts.c.id, account_ids)
        )
    )
    return {AccountId(row.id): UserId(row.user_id) for row in rows}


def newest_seq(tx: Tx) -> int:
    """Return the highest sequence number given to an account, 0 when there is none."""
    newest: int | None = tx.execute(select(func.max(accounts.c.seq))).scalar()
    return newest or 0


def _seen(actor: Actor) -> dict[str, str | int | None]:
    return {
        "instance": actor.instance,
        "handle": actor.handle,
        "name": actor.name,
        "avatar": actor.avatar,
        "seen_at": micros(actor.seen_at),
    }


def _user(row: Row[tuple[object, ...]]) -> User:
    return User(
        id=UserId(row.id),
        locale=row.locale,
        found=Found(row.found),
        standing=Standing(row.standing),
        pace=Pace(row.pace),
        seen_at=moment(row.seen_at),
    )


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(
        id=AccountId(row.id),
        user=UserId(row.user_id),
        actor=Actor(
            network=NetworkName(row.network),
            instance=row.instance,
            id=ActorId(row.actor_id),
            handle=row.handle,
            name=row.name,
            avatar=row.avatar,
            seen_at=moment(row.seen_at),
        ),
        key=Key(row.key + _OFFSET),
        proof=Proof(row.proof),
    )


def _listed(row: Row[tuple[object, ...]]) -> Listed:
    return Listed(
        account=AccountId(row.id),
        user=UserId(row.user_id),
        network=NetworkName(row.network),
        key=Key(row.key + _OFFSET),
        proof=Proof(row.proof),
        found=Found(row.found),
        seq=row.seq,
    )
