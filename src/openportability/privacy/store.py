"""Everything that points to a person, found by reading the schema: a new table cannot be forgotten."""

from __future__ import annotations

from sqlalchemy import delete, select

from openportability.db.engine import Tx
from openportability.db.schema import METADATA, lanes, users
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
