"""Match sets, the counts of answers by day, and sweep cursors, in and out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, delete, select, update

from openportability.accounts import spent_store
from openportability.accounts.spent_store import Budget
from openportability.clock import EPOCH, micros, moment
from openportability.db.dialect import Dialect
from openportability.db.engine import Tx
from openportability.db.schema import answered, counters, match_sets, user_keys, users
from openportability.domain import Account, UserId
from openportability.matching.sets import MatchSet
from openportability.vault import PersonalKey, Vault

#: How long counts of answers are kept.
_KEPT_DAYS = 30
#: Counters: the mark of the segment that belongs to this database, 0 for none; when it was named, the newest list in
#: it, and how often lines of the directory had gone when it was begun.
SEGMENT, SEGMENT_MADE = "matching.segment", "matching.segment.made"
SEGMENT_LISTS, SEGMENT_GONE = "matching.segment.lists", "matching.segment.gone"
#: Since when no worker can read or write files, in microseconds; 0: they can.
FILES_AWAY = "files.away"
#: Put together once: they are asked at each forward pass, and at each page.
_SET_AND_KEY = (
    select(match_sets.c.sealed, match_sets.c.apart, user_keys.c.wrapped)
    .join(user_keys, user_keys.c.user_id == match_sets.c.user_id)
    .where(match_sets.c.user_id == bindparam("user"))
)
_SEEN = select(match_sets.c.sealed).where(match_sets.c.user_id == bindparam("user"))


@dataclass(kw_only=True)
class Opened:
    """A set that nobody else changes until the transaction ends."""

    key: PersonalKey
    rows: MatchSet
    #: As it is stored; what has not changed is not written.
    was: tuple[bytes, bytes]
    #: When those who wait for an answer are looked at again; None: nobody does.
    again_at: int | None
    again_was: int | None


def open_set(tx: Tx, key: PersonalKey, user: UserId) -> MatchSet:
    """Return what of a person's match set may be shown to them, for looking."""
    sealed = tx.execute(_SEEN, {"user": user}).scalar()
    return MatchSet() if sealed is None else MatchSet.unpacked(key.open(sealed, _place(user)))


def open_whole(tx: Tx, keys: Mapping[UserId, PersonalKey]) -> dict[UserId, MatchSet]:
    """Return people's match sets with those who are not shown to them, for rules to decide by.

    Left out: who met nobody.
    """
    rows = tx.execute(_sets(tx.dialect), {"users": list(keys)})
    return {row.user_id: _unpacked(keys[row.user_id], row.user_id, row) for row in rows}


@cache
def _sets(dialect: Dialect) -> Select[Any]:
    return select(match_sets.c.user_id, match_sets.c.sealed, match_sets.c.apart).where(
        dialect.among_given(match_sets.c.user_id, "users")
    )


def set_of(tx: Tx, vault: Vault, user: UserId) -> MatchSet:
    """Return a person's whole match set; nothing in it when they left or met nobody."""
    row = tx.execute(_SET_AND_KEY, {"user": user}).one_or_none()
    if row is None:
        return MatchSet()
    return _unpacked(vault.personal(row.wrapped, user), user, row)


def lock_sets(tx: Tx, vault: Vault, users: Sequence[UserId], now: datetime) -> dict[UserId, Opened]:
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
            **_sealed(keys[user], user, MatchSet().packed()),
            "changed": 0,
        }
        for user in wanted
        if user not in there
    ]
    if empty:
        tx.execute(tx.dialect.insert_missing(match_sets, key=["user_id"]), empty)
        _go_on_counting(tx, vault, [user for user in wanted if user not in there], now)
    rows = tx.execute(
        select(match_sets.c.user_id, match_sets.c.sealed, match_sets.c.apart, match_sets.c.again_at)
        .where(tx.dialect.among(match_sets.c.user_id, wanted))
        .order_by(match_sets.c.user_id)
        .with_for_update()
    )
    return {row.user_id: _opened(keys[row.user_id], row) for row in rows}


def put_sets(tx: Tx, opened: Mapping[UserId, Opened]) -> None:
    """Store the sets that changed, and mark them for later stages to look at."""
    packed = {user: own.rows.packed() for user, own in sorted(opened.items())}
    changed = [
        user
        for user, now in packed.items()
        if (now, opened[user].again_at) != (opened[user].was, opened[user].again_was)
    ]
    if not changed:
        return
    rows = [
        {
            "user_id": user,
            "n": len(opened[user].rows),
            **_sealed(opened[user].key, user, packed[user]),
            # Numbers in a row would show a thief which sets were changed together: who met whom.
            "changed": 1 + secrets.randbits(62),
            "again_at": opened[user].again_at,
        }
        for user in changed
    ]
    change = ["n", "sealed", "apart", "changed", "again_at"]
    tx.execute(tx.dialect.upsert(match_sets, key=["user_id"], change=change), rows)


def changed(tx: Tx, limit: int) -> list[UserId]:
    """Return some whose sets changed and were not looked at since, by chance as they are marked."""
    marked = select(match_sets.c.user_id).where(match_sets.c.changed > 0)
    rows = tx.execute(marked.order_by(match_sets.c.changed).limit(limit))
    return [UserId(user) for user in rows.scalars()]


def change_of(tx: Tx, user: UserId) -> int:
    """Return the mark of the last change of a set, 0 when it was looked at."""
    mark = tx.execute(select(match_sets.c.changed).where(match_sets.c.user_id == user)).scalar()
    return mark or 0


def looked_at(tx: Tx, user: UserId, change: int) -> None:
    """Take the mark off a set, unless it changed again meanwhile."""
    tx.execute(
        update(match_sets)
        .where(match_sets.c.user_id == user, match_sets.c.changed == change)
        .values(changed=0)
    )


def day_of(now: datetime) -> int:
    """Return the day as a number, in UTC."""
    return (now - EPOCH).days


def next_day(now: datetime) -> int:
    """Return when the next day begins, as it is stored."""
    return micros(EPOCH + timedelta(days=day_of(now) + 1))


def answers_spent(tx: Tx, users: Sequence[UserId], day: int) -> dict[UserId, int]:
    """Return how many answers each got on a day; who holds their match sets sees the last word."""
    rows = tx.execute(
        select(answered.c.user_id, answered.c.n).where(
            tx.dialect.among(answered.c.user_id, users), answered.c.day == day
        )
    )
    return {UserId(row.user_id): row.n for row in rows}


def note_answers(tx: Tx, day: int, spent: Mapping[UserId, int]) -> None:
    """Note how many answers each has had on a day now."""
    rows = [{"user_id": user, "day": day, "n": n} for user, n in sorted(spent.items())]
    if rows:
        tx.execute(tx.dialect.upsert(answered, key=["user_id", "day"], change=["n"]), rows)


def _go_on_counting(tx: Tx, vault: Vault, newly: Sequence[UserId], now: datetime) -> None:
    """Let who is met for the first time have had what was answered today under an account they came with."""
    note_answers(tx, day_of(now), spent_store.kept(tx, vault, Budget.ANSWERS, newly, now))


def keep_answers(tx: Tx, vault: Vault, account: Account, now: datetime) -> None:
    """Keep what an account's user was answered today, for who comes with it again before the day is over."""
    spent = answers_spent(tx, [account.user], day_of(now)).get(account.user, 0)
    spent_store.keep(tx, vault, Budget.ANSWERS, account, spent, moment(next_day(now)))


def add_answers(tx: Tx, user: UserId, of: UserId) -> None:
    """Count what another user was answered, day by day, as answers to this one."""
    days = tx.execute(select(answered.c.day, answered.c.n).where(answered.c.user_id == of)).all()
    for row in days:
        spent = answers_spent(tx, [user], row.day).get(user, 0)
        note_answers(tx, row.day, {user: spent + row.n})


def answers_due(tx: Tx, now: datetime) -> list[UserId]:
    """Return for whom more may be answered on this day than on the last."""
    rows = tx.execute(select(match_sets.c.user_id).where(match_sets.c.again_at <= micros(now)))
    return [UserId(user) for user in rows.scalars()]


def put_off_answers(tx: Tx, user: UserId, now: datetime) -> None:
    """Let whoever still waits wait for the next day."""
    tx.execute(
        update(match_sets)
        .where(match_sets.c.user_id == user, match_sets.c.again_at <= micros(now))
        .values(again_at=next_day(now))
    )


def forget_old_answers(tx: Tx, now: datetime) -> None:
    """Forget the counts of days long past."""
    tx.execute(delete(answered).where(answered.c.day < day_of(now) - _KEPT_DAYS))


def cursor(tx: Tx, name: str) -> int:
    """Return how far a sweep has come."""
    return tx.execute(select(counters.c.n).where(counters.c.name == name)).scalar() or 0


def move_cursor(tx: Tx, name: str, to: int) -> None:
    """Note how far a sweep has come; a slower one that did the same never moves it back."""
    tx.execute(tx.dialect.insert_missing(counters, key=["name"]), {"name": name, "n": to})
    tx.execute(update(counters).where(counters.c.name == name, counters.c.n < to).values(n=to))


def put_mark(tx: Tx, name: str, mark: int) -> None:
    """Note what holds from now on, larger than before or not."""
    noted = tx.dialect.upsert(counters, key=["name"], change=["n"])
    tx.execute(noted, {"name": name, "n": mark})


def _keys(tx: Tx, vault: Vault, whom: Sequence[UserId]) -> dict[UserId, PersonalKey]:
    wanted = select(user_keys).where(tx.dialect.among(user_keys.c.user_id, whom))
    if tx.writes:
        # As for one key alone: no rotation replaces what we are about to seal with. The user before the key, as
        # whoever leaves holds them: rows that we add hold the user too, and each would wait for the other.
        wanted = (
            wanted.select_from(users.join(user_keys, user_keys.c.user_id == users.c.id))
            .order_by(user_keys.c.user_id)
            .with_for_update(read=True, key_share=True)
        )
    rows = tx.execute(wanted)
    return {UserId(row.user_id): vault.personal(row.wrapped, row.user_id) for row in rows}


def _opened(key: PersonalKey, row: Row[Any]) -> Opened:
    was = _parts(key, row.user_id, row)
    return Opened(
        key=key,
        rows=MatchSet.unpacked(*was),
        was=was,
        again_at=row.again_at,
        again_was=row.again_at,
    )


def _unpacked(key: PersonalKey, user: UserId, row: Row[Any]) -> MatchSet:
    return MatchSet.unpacked(*_parts(key, user, row))


def _parts(key: PersonalKey, user: UserId, row: Row[Any]) -> tuple[bytes, bytes]:
    return key.open(row.sealed, _place(user)), key.open(row.apart, _place_apart(user))


def _sealed(key: PersonalKey, user: UserId, packed: tuple[bytes, bytes]) -> dict[str, bytes]:
    seen, unseen = packed
    return {
        "sealed": key.seal(seen, _place(user)),
        "apart": key.seal(unseen, _place_apart(user)),
    }


def _place(user: UserId) -> str:
    return f"match_sets:{user}"


def _place_apart(user: UserId) -> str:
    return f"match_sets:{user}:apart"
