"""What writing costs, and what an answer says is left of it; pure."""

from __future__ import annotations

import re
from datetime import datetime

from openportability.domain import Limits, Window
from openportability.network import Budget
from openportability.outbound import Reply, reset_time

#: 5,000 points an hour and 35,000 a day, 3 a follow or block, 1 a record taken back:
#: https://docs.bsky.app/docs/advanced-guides/rate-limits
POINTS = 3
_UNDO_POINTS = 1
LIMITS = Limits(
    batch=200,
    look=200,
    windows=(
        Window(5_000, 3_600, follow=POINTS, undo=_UNDO_POINTS),
        Window(35_000, 86_400, follow=POINTS, undo=_UNDO_POINTS),
    ),
)
#: The windows of the points, in seconds. A server shows whichever of its limits has least left;
#: the others say nothing of follows.
WINDOWS = frozenset({"3600", "86400"})
#: A host counts the requests of our address, whoever they are for. This part of them is left.
_LEFT_TO_OTHERS = 10
#: No network lets anybody follow as many; a header may say any number, even one no column holds.
_MOST_LEFT = 1_000_000
_WINDOW = re.compile(r"\bw=(\d+)")


def window(reply: Reply) -> str:
    """Return which of its windows an answer speaks of, in seconds; empty if of none."""
    found = _WINDOW.search(reply.headers.get("ratelimit-policy", ""))
    return found[1] if found else ""


def budget(reply: Reply, now: datetime) -> Budget | None:
    """Return how many follows the points still pay for, when this answer speaks of points."""
    left = reply.headers.get("ratelimit-remaining", "")
    resets = reply.headers.get("ratelimit-reset", "")
    if window(reply) not in WINDOWS or not left.isdecimal() or not resets.isdecimal():
        return None
    reset = reset_time(reply.headers, now)
    follows = min(int(left[:9]) // POINTS, _MOST_LEFT)
    return Budget(remaining=follows, reset_at=reset) if reset else None


def rest_until(reply: Reply, now: datetime) -> datetime | None:
    """Return until when our address should rest, when this answer speaks of it and little is left."""
    left = reply.headers.get("ratelimit-remaining", "")
    most = reply.headers.get("ratelimit-limit", "")
    if window(reply) in ("", *WINDOWS) or not left.isdecimal() or not most.isdecimal():
        return None
    scarce = int(left[:9]) < int(most[:9]) // _LEFT_TO_OTHERS
    return reset_time(reply.headers, now) if scarce else None
