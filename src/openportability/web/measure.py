"""Counts what is asked and answered, and gives each request a number for the logs. Nothing of a person is in either.

A route is counted by its pattern (`/auth/{network}/callback`), never by the address, which may name people.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Awaitable
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openportability.clock import monotonic

log = logging.getLogger(__name__)

#: Where a problem leaves its code for whoever counts.
CODE = "openportability.code"
#: What is asked too often and says too little for a line in the log.
_UNTOLD = ("/static/", "/healthz", "/readyz", "/metrics")
#: The route of what has none: whatever strangers try, it is one line.
NO_ROUTE = "none"

_request: ContextVar[str] = ContextVar("request", default="")


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What this process has answered since it started."""

    #: By route and class of the status, such as `2xx`.
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Seconds until the answer began, added up by route.
    seconds: Counter[str] = field(default_factory=Counter)
    #: By route and code of the problem.
    problems: Counter[tuple[str, str]] = field(default_factory=Counter)
    _adding: Lock = field(default_factory=Lock)

    def add(self, route: str, status: int, seconds: float, code: str) -> None:
        """Count one answer."""
        with self._adding:
            self.requests[route, f"{status // 100}xx"] += 1
            self.seconds[route] += seconds  # type: ignore[assignment] # a counter of seconds holds fractions
            if code:
                self.problems[route, code] += 1

    def copy(self) -> Tally:
        """Return the counts as they are now."""
        with self._adding:
            return Tally(
                requests=self.requests.copy(),
                seconds=self.seconds.copy(),
                problems=self.problems.copy(),
            )


def request_number() -> str:
    """Return the number of the request that is being answered; empty outside of one."""
    return _request.get()


class Measure:
    """Stands around everything else, so that refusals are counted as well."""

    def __init__(self, app: ASGIApp, tally: Tally) -> None:
        self._app = app
        self._tally = tally

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        number = secrets.token_hex(8)
        _request.set(number)
        return self._app(scope, receive, self._counting(scope, number, send))

    def _counting(self, scope: Scope, number: str, send: Send) -> Send:
        began = monotonic()
        path = scope["path"]

        def send_on(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("X-Request-ID", number)
                route = str(getattr(scope.get("route"), "path", NO_ROUTE))
                seconds, status = monotonic() - began, message["status"]
                self._tally.add(route, status, seconds, scope.get(CODE, ""))
                if not path.startswith(_UNTOLD):
                    spent = round(seconds * 1000)
                    told = {"route": route, "status": status, "ms": spent}
                    log.info("request", extra=told)
            return send(message)

        return send_on
