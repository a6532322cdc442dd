"""Everything that points to a person, found by reading the schema: a new table cannot be forgotten."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from openportability.clock import moment
from openportability.db.engine import Tx
from openportability.db.schema import METADATA, answered, lanes, plans, users
from openportability.domain import UserId


def hold(tx: Tx, user: UserId) -> bool:
    """Let nobody add a row for a user until this ends; say whether they are (still) here."""
    held = select(users.c.id).where(users.c.id == user).with_for_update()
    return tx.execute(held).first() is not None


def erase_rows(tx: Tx, user: UserId) -> None:
    """Delete every row that names a user, and the user; their key goes with them."""
    for table in reversed(METADATA.sorted_tables):
        if "user_id" in table.columns:
            tx.execute(delete(table).where(table.c.user_id == user))
    tx.execute(delete(users).where(users.c.id == user))


def is_being_served(tx: Tx, user: UserId) -> bool:
    """Say whether a worker is in the middle of a slice of this user's."""
    held = select(lanes.c.account_id).where(lanes.c.user_id == user, lanes.c.lease.is_not(None))
    return tx.execute(held.limit(1)).first() is not None


def created_at(tx: Tx, user: UserId) -> datetime:
    """Return when a user came."""
    return moment(tx.execute(select(users.c.created_at).where(users.c.id == user)).scalar_one())


def plans_of(tx: Tx, user: UserId) -> list[int]:
    """Return a user's plans, oldest first."""
    made = select(plans.c.id).where(plans.c.user_id == user).order_by(plans.c.id)
    return list(tx.execute(made).scalars())


def answers_of(tx: Tx, user: UserId) -> list[tuple[int, int]]:
    """Return days, as numbers since 1970, and how many people a user was newly shown on each."""
    rows = tx.execute(select(answered).where(answered.c.user_id == user).order_by(answered.c.day))
    return [(row.day, row.n) for row in rows]
