"""Users, their keys and their accounts, in and out. Grants and sessions have stores of their own beside this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Executable, Select, Table, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from openportability.accounts import rows
from openportability.accounts.people import User
from openportability.clock import micros
from openportability.db.dialect import Dialect
from openportability.db.engine import Tx
from openportability.db.schema import accounts, grants, twins, user_keys, users
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

#: Counters: one goes up when a line is new or changed, one when lines go.
SEQ, GONE = "accounts", "accounts.gone"
#: Put together once: it is asked at nearly every step.
_WRAPPED = select(user_keys.c.wrapped).where(user_keys.c.user_id == bindparam("user"))
#: The same, and it stays as it is until the transaction ends.
_WRAPPED_HELD = _WRAPPED.with_for_update(read=True)


class HeldMeanwhile(Exception):
    """Somebody linked this actor since we looked: roll back and look again."""


_CREATE = insert(users).returning(users.c.id)
_KEEP_KEY = insert(user_keys)


def create_user(tx: Tx, vault: Vault, locale: str, now: datetime) -> UserId:
    """Make a user who is found by nobody and asked for everything, with a key of their own."""
    made = tx.execute(
        _CREATE,
        {
            "locale": locale,
            "found": Found.NOBODY,
            "standing": Standing.OFF,
            "pace": Pace.NORMAL,
            "seen_at": micros(now),
            "created_at": micros(now),
        },
    ).scalar_one()
    tx.execute(_KEEP_KEY, {"user_id": made, "wrapped": vault.new_personal_key(made)})
    return UserId(made)


#: Asked with every request of a member: to write a statement down takes longer than to ask it.
_USER = select(users).where(users.c.id == bindparam("user"))


def user(tx: Tx, user_id: UserId) -> User | None:
    """Return a user, or None when there is none (any more)."""
    row = tx.execute(_USER, {"user": user_id}).one_or_none()
    return None if row is None else rows.user(row)


_HOLD = update(users).where(users.c.id == bindparam("user")).values(seen_at=bindparam("now"))


def hold(tx: Tx, user_id: UserId, now: datetime) -> bool:
    """Note that a person is here, and let nobody else change what is theirs until this ends.

    Say whether they (still) take part.
    """
    done = tx.execute(_HOLD, {"user": user_id, "now": micros(now)})
    return done.rowcount == 1


def choose(tx: Tx, user_id: UserId, **chosen: str | int) -> None:
    """Write what a user chose: `found`, `standing`, `pace`, `bridged`, `locale`; or when they `looked_at` matches."""
    tx.execute(update(users).where(users.c.id == user_id).values(**chosen))


def personal_key(tx: Tx, vault: Vault, user_id: UserId) -> PersonalKey:
    """Return the key of all that is sealed for a user; it is asked for once in a transaction."""
    key: PersonalKey | None = tx.held.get((personal_key, user_id))
    if key is None:
        # What is sealed now must not be left behind by a rotation that replaces this key.
        statement = _WRAPPED_HELD if tx.writes else _WRAPPED
        key = vault.personal(tx.execute(statement, {"user": user_id}).scalar_one(), user_id)
        tx.held[personal_key, user_id] = key
    return key


def personal_keys(tx: Tx, vault: Vault, user_ids: Sequence[UserId]) -> dict[UserId, PersonalKey]:
    """Return the keys of several users, held as `personal_key` does."""
    found = tx.execute(_all_wrapped(tx.dialect, held=tx.writes), {"users": user_ids}).all()
    return {UserId(row.user_id): vault.personal(row.wrapped, row.user_id) for row in found}


@cache
def _all_wrapped(dialect: Dialect, *, held: bool) -> Select[Any]:
    wanted = select(user_keys.c.user_id, user_keys.c.wrapped).where(
        dialect.among_given(user_keys.c.user_id, "users")
    )
    return wanted.with_for_update(read=True) if held else wanted


def users_by_id(tx: Tx, user_ids: Sequence[UserId]) -> dict[UserId, User]:
    """Return those of these users who are still here."""
    found = tx.execute(_by_id(tx.dialect, users), {"ids": user_ids}).all()
    return {UserId(row.id): rows.user(row) for row in found}


@cache
def _by_id(dialect: Dialect, table: Table) -> Select[Any]:
    return select(table).where(dialect.among_given(table.c.id, "ids"))


_ACCOUNT = select(accounts).where(accounts.c.id == bindparam("account"))


def account(tx: Tx, account_id: AccountId) -> Account | None:
    """Return an account, or None when it was unlinked."""
    row = tx.execute(_ACCOUNT, {"account": account_id}).one_or_none()
    return None if row is None else rows.account(row)


#: Put together once: it is asked several times at each page.
_ACCOUNTS_OF = (
    select(accounts).where(accounts.c.user_id == bindparam("user")).order_by(accounts.c.id)
)


def accounts_of(tx: Tx, user_id: UserId) -> list[Account]:
    """Return a user's accounts, oldest first."""
    return [rows.account(row) for row in tx.execute(_ACCOUNTS_OF, {"user": user_id})]


def accounts_of_all(tx: Tx, user_ids: Sequence[UserId]) -> list[Account]:
    """Return the accounts of many users, oldest first."""
    found = tx.execute(_of_all(tx.dialect), {"users": user_ids})
    return [rows.account(row) for row in found]


@cache
def _of_all(dialect: Dialect) -> Select[Any]:
    theirs = dialect.among_given(accounts.c.user_id, "users")
    return select(accounts).where(theirs).order_by(accounts.c.id)


def accounts_by_id(tx: Tx, account_ids: Sequence[AccountId]) -> dict[AccountId, Account]:
    """Return those of these accounts that are still linked."""
    found = tx.execute(_by_id(tx.dialect, accounts), {"ids": account_ids}).all()
    return {AccountId(row.id): rows.account(row) for row in found}


_OF_ACTOR = (
    select(accounts)
    .where(
        accounts.c.network == bindparam("network"),
        accounts.c.actor_id == bindparam("actor"),
        or_(accounts.c.proof == Proof.PROVED, accounts.c.user_id == bindparam("user")),
    )
    .order_by(accounts.c.proof == Proof.PROVED)
)


def account_of_actor(
    tx: Tx, network: NetworkName, actor_id: ActorId, *, or_claimed_by: UserId | None = None
) -> Account | None:
    """Return who proved to be this actor; where nobody did, the claim of this one user.

    What others claim is never an answer: it holds nothing against anybody.
    """
    asked = {"network": network, "actor": actor_id, "user": or_claimed_by}
    found = tx.execute(_OF_ACTOR, asked).all()
    return rows.account(found[-1]) if found else None


def claims_of(tx: Tx, network: NetworkName, actor_id: ActorId) -> list[Account]:
    """Return the accounts of all who claim to be this actor and have not proved it."""
    found = tx.execute(
        select(accounts).where(
            accounts.c.network == network,
            accounts.c.actor_id == actor_id,
            accounts.c.proof == Proof.CLAIMED,
        )
    )
    return [rows.account(row) for row in found]


def ids_by_handle(tx: Tx, network: NetworkName, handles: Sequence[str]) -> Mapping[str, ActorId]:
    """Return who proved to be somebody under these handles, by handle; of two, the one seen last.

    Only those whom anyone may find: whose list it is learns how long it became, and so would learn of the others.
    """
    named = select(accounts.c.handle, accounts.c.actor_id).join(users)
    of_these = accounts.c.network == network, tx.dialect.among(accounts.c.handle, handles)
    # A claim bears whatever handle its file says.
    known = accounts.c.proof == Proof.PROVED, users.c.found == Found.ANYONE
    found = tx.execute(named.where(*of_these, *known).order_by(accounts.c.seen_at))
    return {row.handle: ActorId(row.actor_id) for row in found}


def add_account(tx: Tx, user_id: UserId, actor: Actor, key: Key, proof: Proof) -> Account:
    """Link an actor that nobody here has proved; raise `HeldMeanwhile` when somebody was quicker.

    A claim is linked whoever else is, or claims to be, the same actor: only to have it twice is too much.

    Its sequence makes the next sweep meet it as a newcomer.
    """
    made = tx.execute(
        _added(tx.dialect),
        {
            "user_id": user_id,
            "network": actor.network,
            "actor_id": actor.id,
            "key": rows.stored(key),
            "proof": proof,
            "seq": tx.dialect.next_seq(tx, SEQ),
            **rows.seen(actor),
        },
    ).scalar()
    if made is None:
        raise HeldMeanwhile
    return Account(id=AccountId(made), user=user_id, actor=actor, key=key, proof=proof)


@cache
def _added(dialect: Dialect) -> Executable:
    return dialect.insert_missing(accounts, key=()).returning(accounts.c.id)


def see_actor(tx: Tx, account_id: AccountId, actor: Actor) -> None:
    """Note handle, name and place as the network gave them just now.

    Under a new handle or name it gets a new number: every process has the old one in memory.
    """
    now = rows.seen(actor)
    renamed = or_(accounts.c.handle != now["handle"], accounts.c.name != now["name"])
    same = accounts.c.id == account_id
    if tx.execute(select(accounts.c.id).where(same, renamed)).first():
        now["seq"] = tx.dialect.next_seq(tx, SEQ)
    tx.execute(update(accounts).where(same).values(**now))


def prove(tx: Tx, account_id: AccountId) -> None:
    """Turn a claimed account into a proved one, and let the sweep meet it.

    Raise `HeldMeanwhile` when somebody else proved the actor in the same moment.
    """
    proved = update(accounts).where(accounts.c.id == account_id).values(proof=Proof.PROVED)
    try:
        tx.execute(proved.values(seq=tx.dialect.next_seq(tx, SEQ)))
    except IntegrityError:
        raise HeldMeanwhile from None


_MEET_AGAIN = (
    update(accounts).where(accounts.c.user_id == bindparam("user")).values(seq=bindparam("next"))
)


def meet_again(tx: Tx, user_id: UserId) -> None:
    """Let the next sweep look at a user's accounts as if they were new (they may now be found)."""
    tx.execute(_MEET_AGAIN, {"user": user_id, "next": tx.dialect.next_seq(tx, SEQ)})


def move_accounts(tx: Tx, user_id: UserId, to: UserId) -> None:
    """Let all accounts of a user be another's, who has none of these actors."""
    tx.execute(update(accounts).where(accounts.c.user_id == user_id).values(user_id=to))


def drop_account(tx: Tx, account_id: AccountId) -> None:
    """Forget an account, its grant and its copies; what else points to it must be gone before."""
    note_gone(tx)
    tx.execute(delete(grants).where(grants.c.account_id == account_id))
    tx.execute(delete(twins).where(twins.c.account_id == account_id))
    tx.execute(delete(accounts).where(accounts.c.id == account_id))


def note_gone(tx: Tx) -> None:
    """Let everyone who holds the directory in memory notice that accounts go in this transaction."""
    tx.dialect.next_seq(tx, GONE)
