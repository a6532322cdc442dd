"""Take back the follows, blocks or mutes of a slice that we made, and only those."""

from __future__ import annotations

from datetime import datetime

from openportability.domain import Grant, Relationship
from openportability.errors import NetworkError
from openportability.reconnection import rules
from openportability.reconnection.claiming import Slice
from openportability.reconnection.following import Call
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.rules import Decision


def call(work: Slice, grant: Grant) -> Call:
    """Return how they are taken back."""
    return lambda rows: work.way(grant).undo(grant, work.wanted(rows))


def meaning(answer: Relationship | NetworkError, row: Reconnection, now: datetime) -> Decision:
    """Say what an answer to an undo means for its row."""
    if isinstance(answer, NetworkError):
        return rules.after_undo(answer, attempts=row.attempts, now=now)
    return rules.undone(answer)
