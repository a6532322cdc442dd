"""The one source of time: aware, UTC; tests and the demo move it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Protocol

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Tells what time it is."""

    def now(self) -> datetime: ...

    def passed(self) -> timedelta:
        """Return how much time passed since some moment, whatever the machine's clock was set to."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def passed(self) -> timedelta:
        return timedelta(seconds=time.monotonic())


class MovedClock(SystemClock):
    """The machine's own time, moved by whoever holds it (tests, the demo)."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._set = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self._ahead + self._set

    def passed(self) -> timedelta:
        return super().passed() + self._ahead

    def forward(self, **duration: float) -> None:
        """Move time on, e.g. `forward(hours=1)`."""
        self._ahead += timedelta(**duration)

    def jump(self, **duration: float) -> None:
        """Set the clock so much forward, or back, while no time passes."""
        self._set += timedelta(**duration)


@dataclass(frozen=True, kw_only=True)
class Jump:
    """The clock of this machine was set: forward, or back where `by` is negative."""

    by: timedelta
    #: What had passed when it was seen.
    seen: timedelta


class Watch:
    """Sees that the clock was set: by more than what passed since somebody looked."""

    #: Clocks of two machines may differ by so much, and one may be set by less.
    LEAST = timedelta(seconds=60)
    #: For so long it is told.
    TOLD = timedelta(minutes=10)

    def __init__(self) -> None:
        self._looking = Lock()
        self._start: datetime | None = None
        self._jump: Jump | None = None

    def look(self, clock: Clock) -> Jump | None:
        """Return the last jump, if it was seen lately."""
        with self._looking:
            passed = clock.passed()
            start = clock.now() - passed
            by = start - (self._start or start)
            self._start = start
            if abs(by) >= self.LEAST:
                self._jump = Jump(by=by, seen=passed)
                log.warning("clock_jumped", extra={"seconds": round(by.total_seconds())})
            told = self._jump is not None and passed - self._jump.seen < self.TOLD
            return self._jump if told else None


def micros(moment: datetime) -> int:
    """Return microseconds since 1970 UTC, the form in which times are stored."""
    return (moment - EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """Return the aware time of a stored number."""
    return EPOCH + timedelta(microseconds=micros)


def monotonic() -> float:
    """Return seconds that only go forward, for measuring durations."""
    return time.monotonic()
