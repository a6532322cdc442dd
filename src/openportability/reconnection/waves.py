"""Refusals in a row that nothing explains: so many are about our user, and no longer about whom they follow.

They are counted in the ledger, so it does not matter who served the lane, or whether somebody was killed meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from openportability.db.engine import Tx
from openportability.domain import Deed
from openportability.errors import Forbidden, NetworkError, Refused
from openportability.reconnection import due_store, sealing
from openportability.reconnection.claiming import Slice
from openportability.reconnection.lane import Lane
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.rules import Decision, LaneState, State

#: Why a lane is halted, and why those in the wave are wanted again.
WAVE = "net.many_refused"
#: Hidden blocks are fewer than one in a hundred: five of them in a row are no chance. But a server may speak with
#: another one no longer, whose people are then all refused: so they are of three at least.
_ROWS, _SERVERS = 5, 3
#: Others go first then. Who is refused once more is refused for good: a wave leads to no second one.
_AGAIN = timedelta(days=1)


def heeded(
    tx: Tx, work: Slice, lane: Lane, changed: list[Reconnection], now: datetime
) -> tuple[Lane, list[Reconnection]]:
    """Return a lane and the rows that just changed in it: halted, and those wanted again, where they end a wave."""
    wave = _completed(tx, work, changed) if lane.state is LaneState.OPEN else []
    if not wave:
        return lane, changed
    again = {row.id: row.decided(_wanted_again(now), now) for row in wave}
    others = [row for row in changed if row.id not in again]
    return replace(lane, state=LaneState.HALTED, reason=WAVE), [*others, *again.values()]


def _completed(tx: Tx, work: Slice, changed: Sequence[Reconnection]) -> list[Reconnection]:
    """Return all rows of the wave that these end; none where it is no wave."""
    refused = [row for row in changed if _is_unexplained(row)]
    if not refused or any(row.state in due_store.MADE for row in changed):
        return []
    before = due_store.refused_since_any_was_made(tx, work.lane, Forbidden.default_code)
    wave = [*sealing.opened(work.key, before), *refused]
    servers = {row.actor.instance for row in wave if row.actor is not None}
    return wave if len(wave) >= _ROWS and len(servers) >= _SERVERS else []


def _wanted_again(now: datetime) -> Decision:
    return Decision(state=State.READY, reason=WAVE, due=now + _AGAIN, unsent=True)


def meant(error: NetworkError, row: Reconnection) -> NetworkError:
    """Return what an error means for a row: who was in a wave, and is refused again, is not refused for it."""
    is_again = isinstance(error, Forbidden) and row.reason == WAVE
    return Refused("net.blocked") if is_again else error


def _is_unexplained(row: Reconnection) -> bool:
    return (row.deed, row.state, row.reason) == (
        Deed.FOLLOW,
        State.REFUSED,
        Forbidden.default_code,
    )
