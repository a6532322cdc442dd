"""The noun of a lane, and its row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from openportability.clock import micros, moment
from openportability.domain import AccountId, NetworkName, UserId
from openportability.reconnection.pacing import Spent
from openportability.reconnection.rules import LaneState


@dataclass(frozen=True, kw_only=True)
class Lane:
    """The paced work of one linked account."""

    account: AccountId
    user: UserId
    network: NetworkName
    instance: str
    state: LaneState
    reason: str | None
    next_at: datetime | None
    lease: str | None
    lease_until: datetime | None
    remaining: int | None
    reset_at: datetime | None
    spent: tuple[Spent, ...]
    failures: int

    def due(self, now: datetime) -> bool:
        """Say whether it is to be served now, and nobody does."""
        return (
            self.state is LaneState.OPEN
            and self.next_at is not None
            and self.next_at <= now
            and not self.is_leased(now)
        )

    def is_leased(self, now: datetime) -> bool:
        """Say whether somebody serves it now."""
        return self.lease_until is not None and self.lease_until >= now


def read(row: Any) -> Lane:
    """Read a lane."""
    return Lane(
        account=AccountId(row.account_id),
        user=UserId(row.user_id),
        network=NetworkName(row.network),
        instance=row.instance,
        state=LaneState(row.state),
        reason=row.reason,
        next_at=_moment(row.next_at),
        lease=row.lease,
        lease_until=_moment(row.lease_until),
        remaining=row.remaining,
        reset_at=_moment(row.reset_at),
        spent=_unpacked(row.spent),
        failures=row.failures,
    )


#: Each slice changes what its lane has spent: only slices that run at the same time read one of them again.
@lru_cache(maxsize=256)
def _unpacked(spent: str) -> tuple[Spent, ...]:
    """Read what `_packed` returned; a lane is read several times a slice."""
    return tuple(
        Spent(at=moment(at), count=count, undone=sum(undone))
        for at, count, *undone in json.loads(spent)
    )


def stored(lane: Lane) -> dict[str, object]:
    """Return the columns that change while it is served."""
    return {
        "state": lane.state.value,
        "reason": lane.reason,
        "next_at": _micros(lane.next_at),
        "lease": lane.lease,
        "lease_until": _micros(lane.lease_until),
        "remaining": lane.remaining,
        "reset_at": _micros(lane.reset_at),
        "spent": _packed(lane.spent),
        "failures": lane.failures,
    }


def _moment(stored: int | None) -> datetime | None:
    return None if stored is None else moment(stored)


def _micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def _packed(spent: Sequence[Spent]) -> str:
    return json.dumps(
        [[micros(one.at), one.count, *([one.undone] if one.undone else [])] for one in spent]
    )
