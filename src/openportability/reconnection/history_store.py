"""What was followed before somebody came here: rows of the ledger that another site wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update

from openportability.clock import micros
from openportability.db.engine import Tx
from openportability.db.schema import reconnections
from openportability.domain import AccountId, Deed, NetworkName, UserId
from openportability.reconnection import sealing
from openportability.reconnection.ledger import Kept
from openportability.reconnection.rules import Origin, State
from openportability.vault import PersonalKey


@dataclass(frozen=True, kw_only=True)
class Past:
    """A row as it was elsewhere. `whom` is no account here."""

    account: AccountId
    network: NetworkName
    whom: AccountId
    deed: Deed
    state: State
    reason: str | None
    rank: int
    kept: Kept
    asked_at: datetime | None
    attempts: int
    at: datetime


def bring(tx: Tx, key: PersonalKey, user: UserId, rows: Sequence[Past], now: datetime) -> int:
    """Add rows that are not there yet; return how many."""
    added = 0
    for row in rows:
        made = tx.execute(
            tx.dialect.insert_missing(reconnections, key=["user_id", "account_id", "whom", "deed"])
            .values(
                user_id=user,
                account_id=row.account,
                network=row.network,
                whom=sealing.block(key, row.whom),
                deed=row.deed,
                state=row.state,
                reason=row.reason,
                origin=Origin.ELSEWHERE,
                rank=row.rank,
                asked_at=micros(row.asked_at) if row.asked_at else None,
                attempts=row.attempts,
                due_at=micros(now),
                at=micros(row.at),
            )
            .returning(reconnections.c.id)
        ).scalar()
        if made is not None:
            kept = sealing.sealed(key, made, row.kept)
            mine = reconnections.c.user_id == user, reconnections.c.id == made
            tx.execute(update(reconnections).where(*mine).values(record=kept))
            added += 1
    return added
