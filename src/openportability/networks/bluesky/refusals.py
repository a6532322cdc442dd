"""What a sign-in without tokens means: the callback's `error`, or the answer to a request for them."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from openportability.errors import Invalid, NetworkError, Throttled, Unavailable
from openportability.networks.bluesky.replies import OF_TIME, clock_differs, error_name
from openportability.outbound import Reply, reset_time


def stopped(error: str) -> Invalid | NetworkError:
    """Return what the callback's `error` means. Its texts are the server's and are not read."""
    match error:
        case "access_denied":
            return Invalid("auth.denied")
        case "server_error" | "temporarily_unavailable":
            return Unavailable("at.pds_down")
        case _:
            return Invalid("auth.expired")


def refusal(
    reply: Reply, now: datetime, otherwise: Invalid | NetworkError
) -> Invalid | NetworkError:
    """Return what an answer without tokens means; `otherwise` for a plain no."""
    if reply.status == 429:
        return Throttled(reset_time(reply.headers, now))
    if reply.status >= 500 or not error_name(reply):
        return Unavailable("at.pds_down")
    if error_name(reply) in OF_TIME and clock_differs(reply):
        return Unavailable("auth.clock", host=urlsplit(reply.url).hostname or "")
    return otherwise
