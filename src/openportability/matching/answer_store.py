"""How many accounts people's own lists newly showed them, by day: the bound on what a forged list can learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from openportability.clock import EPOCH, micros
from openportability.db.engine import Tx
from openportability.db.schema import answered, match_sets
from openportability.domain import UserId

_KEPT_DAYS = 30


def day_of(now: datetime) -> int:
    """Return the day as a number, in UTC."""
    return (now - EPOCH).days


def next_day(now: datetime) -> int:
    """Return when the next day begins, as it is stored."""
    return micros(EPOCH + timedelta(days=day_of(now) + 1))


def spent(tx: Tx, users: Sequence[UserId], day: int) -> dict[UserId, int]:
    """Return how many answers each got on a day; who holds their match sets sees the last word."""
    rows = tx.execute(
        select(answered.c.user_id, answered.c.n).where(
            tx.dialect.among(answered.c.user_id, users), answered.c.day == day
        )
    )
    return {UserId(row.user_id): row.n for row in rows}


def note(tx: Tx, day: int, spent: Mapping[UserId, int]) -> None:
    """Note how many answers each has had on a day now."""
    rows = [{"user_id": user, "day": day, "n": n} for user, n in sorted(spent.items())]
    if rows:
        tx.execute(tx.dialect.upsert(answered, key=["user_id", "day"], change=["n"]), rows)


def due(tx: Tx, now: datetime) -> list[UserId]:
    """Return for whom more may be answered on this day than on the last."""
    rows = tx.execute(select(match_sets.c.user_id).where(match_sets.c.again_at <= micros(now)))
    return [UserId(user) for user in rows.scalars()]


def put_off(tx: Tx, user: UserId, now: datetime) -> None:
    """Let whoever still waits wait for the next day."""
    tx.execute(
        update(match_sets)
        .where(match_sets.c.user_id == user, match_sets.c.again_at <= micros(now))
        .values(again_at=next_day(now))
    )


def forget_old(tx: Tx, now: datetime) -> None:
    """Forget the counts of days long past."""
    tx.execute(delete(answered).where(answered.c.day < day_of(now) - _KEPT_DAYS))
