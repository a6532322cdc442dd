"""The errors of OpenPortability, each named for what to do next.

    OpenPortabilityError
    ├── Invalid              what came in cannot be what it claims: say so            400
    ├── NotAllowed           no consent, no right, not yours                          403
    ├── NotFound             absent, hidden and somebody else's are the same answer   404
    ├── Conflict             the world changed since: show it again                   409
    ├── Busy(until)          we are full, or you were quick: come back                429
    ├── Misconfigured        the operator must act; nothing starts half-way
    └── NetworkError         what a network answered; an adapter raises only these
        ├── Throttled(until) the same row, at `until`; the lane learns
        ├── Unavailable      outcome unknown or server away: ask again, later and later
        ├── SignedOut        the lane waits; one notice; one button to sign in again
        ├── Flagged          the network sees bulk following: the lane halts
        ├── Refused          never again for this row
        │   └── Forbidden    the same, and nothing shows why: several in a row are about our user
        └── Gone             deleted, suspended, or moved (then: where)

Each error carries a `code` of the taxonomy; the words people read stand in `web/problems.py`.
`detail` is for values that those words need (a file, a host, a count), never for secrets or names.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from datetime import datetime


def without_words(error: BaseException) -> dict[str, str]:
    """Return what a log may hold of an error: its class and where it came from.

    Its words may name people, its values may be secrets.
    """
    trace = "".join(traceback.format_tb(error.__traceback__))
    return {"error": type(error).__name__, "trace": trace}


class OpenPortabilityError(Exception):
    """Something this program can explain."""

    default_code = "svc.internal"

    def __init__(self, code: str | None = None, **detail: str | int) -> None:
        self.code: str = code or self.default_code
        self.detail: Mapping[str, str | int] = detail
        super().__init__(self.code, dict(detail))


class Invalid(OpenPortabilityError):
    """A handle, an archive or a form cannot be what it claims."""

    default_code = "svc.bad_input"


class NotAllowed(OpenPortabilityError):
    """No consent, no right, or not yours."""

    default_code = "svc.not_allowed"


class NotFound(OpenPortabilityError):
    """There is no such thing, or it is not yours: nobody can tell which."""

    default_code = "svc.not_found"


class Conflict(OpenPortabilityError):
    """The world changed since the question was shown."""

    default_code = "plan.stale"


class Busy(OpenPortabilityError):
    """We are full, or you were quick; come back at `until`."""

    default_code = "svc.too_many"

    def __init__(self, until: datetime, code: str | None = None, **detail: str | int) -> None:
        self.until = until
        super().__init__(code, **detail)


class Misconfigured(OpenPortabilityError):
    """A setting, key or database is not usable; the one-line text says what to do."""

    default_code = "svc.misconfigured"

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__()

    def __str__(self) -> str:
        return self.text


class NetworkError(OpenPortabilityError):
    """What a network answered, or did not."""

    default_code = "net.error"


class Throttled(NetworkError):
    """The network asks to wait until `until`, never in the past (None: it did not say).

    `everyone`: the limit is that of our own address, so all whom we serve at this host wait.
    """

    default_code = "net.throttled"

    def __init__(
        self,
        until: datetime | None = None,
        code: str | None = None,
        *,
        everyone: bool = False,
        **detail: str | int,
    ) -> None:
        self.until = until
        self.everyone = everyone
        super().__init__(code, **detail)


class Unavailable(NetworkError):
    """The outcome is unknown or the server is away."""

    default_code = "net.unavailable"


class SignedOut(NetworkError):
    """The network no longer accepts our grant, or it lacks a right that is needed."""

    default_code = "net.signed_out"


class Flagged(NetworkError):
    """The network takes the account for a bulk follower."""

    default_code = "net.flagged"


class Refused(NetworkError):
    """The network says no for this one, for good."""

    default_code = "net.refused"


class Forbidden(Refused):
    """The network says no, and nothing shows that it is for this one."""

    default_code = "net.forbidden"


class Gone(NetworkError):
    """The actor is deleted or suspended; `moved_to` is the actor id it declared instead, if any."""

    default_code = "net.gone"

    def __init__(
        self, code: str | None = None, *, moved_to: str | None = None, **detail: str | int
    ) -> None:
        self.moved_to = moved_to
        super().__init__(code, **detail)
