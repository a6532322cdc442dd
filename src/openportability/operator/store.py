"""What an operator may know of the database: whether it opens, and numbers that name nobody."""

from __future__ import annotations

from sqlalchemy import select

from openportability.db.engine import Tx
from openportability.db.schema import user_keys
from openportability.domain import UserId


def some_key(tx: Tx) -> tuple[UserId, bytes] | None:
    """Return the wrapped key of the person who came last: it was sealed with a key still in use."""
    row = tx.execute(
        select(user_keys.c.user_id, user_keys.c.wrapped)
        .order_by(user_keys.c.user_id.desc())
        .limit(1)
    ).first()
    return None if row is None else (UserId(row.user_id), row.wrapped)
