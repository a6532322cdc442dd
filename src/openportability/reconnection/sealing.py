"""Rows of the ledger as nouns, and back. Whom a row is about is one enciphered block that the person's key reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from openportability.clock import moment
from openportability.domain import AccountId, Deed, NetworkName, UserId
from openportability.reconnection.ledger import Kept, Reconnection
from openportability.reconnection.rules import Origin, State
from openportability.vault import PersonalKey

#: What a block of `whom` is enciphered as.
WHOM = "whom"


def opened(key: PersonalKey, rows: Sequence[Any]) -> list[Reconnection]:
    """Return rows of one person as nouns."""
    # Most lanes have nothing of most kinds, and a cipher costs more than the rows.
    whom = key.unblock_all(WHOM, (row.whom for row in rows)) if rows else []
    return [_row(key, row, AccountId(other)) for row, other in zip(rows, whom, strict=True)]


def _row(key: PersonalKey, row: Any, whom: AccountId) -> Reconnection:
    network = NetworkName(row.network)
    kept = (
        Kept.unpacked(key.open(row.record, record_place(row.id)), network) if row.record else Kept()
    )
    return Reconnection(
        id=row.id,
        user=UserId(row.user_id),
        account=AccountId(row.account_id),
        network=network,
        whom=whom,
        deed=Deed(row.deed),
        state=State(row.state),
        reason=row.reason,
        origin=Origin(row.origin),
        rank=row.rank,
        record=kept.record,
        actor=kept.actor,
        moved=kept.moved,
        shown=kept.shown,
        asked_at=None if row.asked_at is None else moment(row.asked_at),
        attempts=row.attempts,
        due_at=moment(row.due_at),
        at=moment(row.at),
        stored=row.record,
    )


def stored(key: PersonalKey, row: Reconnection) -> Reconnection:
    """Return a row with what it keeps now, as it is to be stored."""
    return replace(row, stored=sealed(key, row.id, row.kept))


def sealed(key: PersonalKey, row: int, kept: Kept) -> bytes | None:
    """Return what a row keeps, as it is stored."""
    return None if kept == Kept() else key.seal(kept.packed(), record_place(row))


def block(key: PersonalKey, whom: AccountId) -> bytes:
    """Return whom a row is about, as it is stored."""
    return key.block(WHOM, whom)


def record_place(row: int) -> str:
    """Return for which place the record of a row is sealed."""
    return f"reconnections:{row}:record"
