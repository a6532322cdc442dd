"""The one source of time: aware, UTC; tests and the demo move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Tells what time it is."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class MovedClock:
    """The machine's own time, moved forward by whoever holds it (tests, the demo)."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def forward(self, **duration: float) -> None:
        """Move time on, e.g. `forward(hours=1)`."""
        self._ahead += timedelta(**duration)


def micros(moment: datetime) -> int:
    """Return microseconds since 1970 UTC, the form in which times are stored."""
    return (moment - EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """Return the aware time of a stored number."""
    return EPOCH + timedelta(microseconds=micros)


def monotonic() -> float:
    """Return seconds that only go forward, for measuring durations."""
    return time.monotonic()
