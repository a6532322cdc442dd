"""Who is followed in place of whom: successors that a run was led to, as rows of the ledger keep them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from openportability.db.engine import Tx
from openportability.db.schema import reconnections
from openportability.domain import AccountId, Actor, Deed, UserId
from openportability.reconnection import sealing, store
from openportability.vault import PersonalKey


def successors(
    tx: Tx, key: PersonalKey, user: UserId, whom: Collection[AccountId]
) -> dict[tuple[AccountId, AccountId], Actor]:
    """Return who is followed in place of these, by our account and theirs: they had moved when we came."""
    columns = reconnections.c
    of_these = tx.dialect.among(columns.whom, key.block_all(sealing.WHOM, whom))
    follows = columns.user_id == user, columns.deed == Deed.FOLLOW, of_these
    rows = store.read(tx, key, select(reconnections).where(*follows))
    return {(row.account, row.whom): row.successor for row in rows if row.successor}
