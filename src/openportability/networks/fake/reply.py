"""What the simulated world says to a client, in a form that a wire can carry and spoil."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer. `status` 0: none came, and nobody knows what was done."""

    status: int
    text: str = ""
    #: With a 429: when to come back, if it says so.
    until: datetime | None = None


class Refusal(Exception):
    """The network does not do what was asked."""

    def __init__(self, status: int, reason: str, *, until: datetime | None = None) -> None:
        self.status = status
        self.reason = reason
        self.until = until
        super().__init__(status, reason)


class Fault(StrEnum):
    """How a call can be made to fail."""

    DOWN = "down"  # a 503; nothing was done
    SILENCE = "silence"  # it was done, but the answer never comes
    GARBAGE = "garbage"  # a 200 that is a page for people; nothing was done
    THROTTLED = "throttled"  # a 429 that names a time
    THROTTLED_BLIND = "throttled_blind"  # a 429 that names none
    THROTTLED_PAST = "throttled_past"  # a 429 that names a time long gone
