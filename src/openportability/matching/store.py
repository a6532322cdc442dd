"""Match sets and sweep cursors, in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from openportability.db.engine import Tx
from openportability.db.schema import counters, match_sets, user_keys
from openportability.domain import AccountId, UserId
from openportability.matching.sets import MatchSet
from openportability.vault import PersonalKey, Vault


@dataclass(kw_only=True)
class Opened:
    """A set that nobody else changes until the transaction ends."""

    key: PersonalKey
    rows: MatchSet
    #: As it is stored; what has not changed is not written.
    was: bytes


def open_set(tx: Tx, key: PersonalKey, user: UserId) -> MatchSet:
    """Return a person's match set, for looking."""
    sealed = tx.execute(select(match_sets.c.sealed).where(match_sets.c.user_id == user)).scalar()
    return MatchSet() if sealed is None else MatchSet.unpacked(key.open(sealed, _place(user)))


def accounts_met(tx: Tx, vault: Vault, user: UserId) -> list[AccountId]:
    """Return the accounts in a person's match set; none when they left."""
    key = _keys(tx, vault, [user]).get(user)
    return [] if key is None else open_set(tx, key, user).accounts()


def lock_sets(tx: Tx, vault: Vault, users: Sequence[UserId]) -> dict[UserId, Opened]:
    """Return the sets of those users who are still here, for changing.

    Always in the order of ids, so that two who want the same sets never wait for each other; what
    is read afterwards is not older than what the one before has committed.
    """
    keys = _keys(tx, vault, users)
    wanted = sorted(keys)
    if not wanted:
        return {}
    there = set(
        tx.execute(
            select(match_sets.c.user_id).where(tx.dialect.among(match_sets.c.user_id, wanted))
        ).scalars()
    )
    empty = [
        {
            "user_id": user,
            "n": 0,
            "sealed": _sealed(keys[user], user, MatchSet().packed()),
            "seq": 0,
        }
        for user in wanted
        if user not in there
    ]
    if empty:
        tx.execute(tx.dialect.insert_missing(match_sets, key=["user_id"]), empty)
    rows = tx.execute(
        select(match_sets.c.user_id, match_sets.c.sealed)
        .where(tx.dialect.among(match_sets.c.user_id, wanted))
        .order_by(match_sets.c.user_id)
        .with_for_update()
    )
    return {row.user_id: _opened(keys[row.user_id], row.user_id, row.sealed) for row in rows}


def put_sets(tx: Tx, opened: Mapping[UserId, Opened]) -> None:
    """Store the sets that changed; their sequence tells later stages to look again."""
    packed = {user: own.rows.packed() for user, own in sorted(opened.items())}
    changed = [user for user, now in packed.items() if now != opened[user].was]
    if not changed:
        return
    seq = tx.dialect.next_seq(tx, "match_sets")
    rows = [
        {
            "user_id": user,
            "n": len(opened[user].rows),
            "sealed": _sealed(opened[user].key, user, packed[user]),
            "seq": seq,
        }
        for user in changed
    ]
    change = ["n", "sealed", "seq"]
    tx.execute(tx.dialect.upsert(match_sets, key=["user_id"], change=change), rows)


def changed_since(tx: Tx, seq: int, limit: int) -> tuple[list[UserId], int]:
    """Return whose sets changed after a sequence number, some `limit` of them, and the last number.

    Sets that share the last number all come: a cursor can stand on it.
    """
    numbers = tx.execute(
        select(match_sets.c.seq)
        .where(match_sets.c.seq > seq)
        .order_by(match_sets.c.seq)
        .limit(limit)
    ).scalars()
    last = max(numbers, default=seq)
    rows = tx.execute(
        select(match_sets.c.user_id)
        .where(match_sets.c.seq > seq, match_sets.c.seq <= last)
        .order_by(match_sets.c.seq, match_sets.c.user_id)
    ).scalars()
    return [UserId(user) for user in rows], last


def cursor(tx: Tx, name: str) -> int:
    """Return how far a sweep has come."""
    return tx.execute(select(counters.c.n).where(counters.c.name == name)).scalar() or 0


def move_cursor(tx: Tx, name: str, to: int) -> None:
    """Note how far a sweep has come; a slower one that did the same never moves it back."""
    tx.execute(tx.dialect.insert_missing(counters, key=["name"]), {"name": name, "n": to})
    tx.execute(update(counters).where(counters.c.name == name, counters.c.n < to).values(n=to))


def _keys(tx: Tx, vault: Vault, users: Sequence[UserId]) -> dict[UserId, PersonalKey]:
    rows = tx.execute(select(user_keys).where(tx.dialect.among(user_keys.c.user_id, users)))
    return {UserId(row.user_id): vault.personal(row.wrapped, row.user_id) for row in rows}


def _opened(key: PersonalKey, user: UserId, sealed: bytes) -> Opened:
    was = key.open(sealed, _place(user))
    return Opened(key=key, rows=MatchSet.unpacked(was), was=was)


def _sealed(key: PersonalKey, user: UserId, packed: bytes) -> bytes:
    return key.seal(packed, _place(user))


def _place(user: UserId) -> str:
    return f"match_sets:{user}"
