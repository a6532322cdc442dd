"""Ledger and lanes of a user who becomes another: the same rows, under the other's key."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, func, select, update

from openportability.db.engine import Tx
from openportability.db.schema import lanes, plans, reconnections
from openportability.domain import AccountId, Deed, UserId
from openportability.reconnection.rules import passed_on
from openportability.reconnection.sealing import WHOM, record_place
from openportability.vault import PersonalKey


def move_rows(tx: Tx, old: PersonalKey, new: PersonalKey, user: UserId, to: UserId) -> None:
    """Let a ledger be another user's: each row names whom, and keeps its record, by their key."""
    row = reconnections.c
    rows = tx.execute(select(row.id, row.whom, row.record).where(row.user_id == user)).all()
    if not rows:
        return
    blocks = new.block_all(WHOM, old.unblock_all(WHOM, (one.whom for one in rows)))
    tx.execute(
        update(reconnections)
        .where(row.user_id == user, row.id == bindparam("row"))
        .values(user_id=to, whom=bindparam("block"), record=bindparam("kept")),
        [
            {"row": one.id, "block": block, "kept": _resealed(old, new, one.id, one.record)}
            for one, block in zip(rows, blocks, strict=True)
        ],
    )


def move_lanes(tx: Tx, user: UserId, to: UserId) -> None:
    """Let lanes that are held be another user's.

    Whoever serves one of them just now is as good as killed: the lease goes on under another
    token, until they notice and give it back. The next slice finds what was asked for.
    """
    for lane in tx.execute(select(lanes).where(lanes.c.user_id == user)).all():
        lease = lane.lease and passed_on(lane.lease)
        moved = update(lanes).where(lanes.c.account_id == lane.account_id)
        tx.execute(moved.values(user_id=to, lease=lease))


def rows_about(
    tx: Tx,
    key: PersonalKey,
    user: UserId,
    whom: Sequence[AccountId],
    deed: Deed | None = None,
) -> list[int]:
    """Return the rows of a user that are about these accounts: of one deed, or of all."""
    blocks = key.block_all(WHOM, whom)
    row = reconnections.c
    found = select(row.id).where(row.user_id == user, tx.dialect.among(row.whom, blocks))
    if deed is not None:
        found = found.where(row.deed == deed)
    return list(tx.execute(found).scalars())


def plans_of(tx: Tx, users: Sequence[UserId]) -> int:
    """Count the plans of these users."""
    counted = select(func.count()).select_from(plans).where(plans.c.user_id.in_(users))
    number: int = tx.execute(counted).scalar_one()
    return number


def _resealed(old: PersonalKey, new: PersonalKey, row: int, sealed: bytes | None) -> bytes | None:
    place = record_place(row)
    return None if sealed is None else new.seal(old.open(sealed, place), place)
