"""How long an answer takes from when a thread takes the request up: what the server takes, its line not included."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any
from unittest.mock import patch

from anyio import to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: When the first thread took up what is being answered; empty until then.
_begun: ContextVar[list[float] | None] = ContextVar("begun", default=None)


class Begun:
    """Stands around an application and keeps, of each answer, how many seconds it took since a thread began."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.seconds: list[float] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun: list[float] = []
        _begun.set(begun)

        def send_on(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start" and begun:
                self.seconds.append(perf_counter() - begun[0])
            return send(message)

        await self._app(scope, receive, send_on)

    def p50_p95_ms(self) -> tuple[float, float]:
        """Return what half of the answers took at most, and 95 of 100."""
        parts = statistics.quantiles(self.seconds, n=20)
        return parts[9] * 1000, parts[18] * 1000


@contextmanager
def watched() -> Iterator[None]:
    """Note the time wherever a thread takes something up."""
    run_sync, submit = to_thread.run_sync, ThreadPoolExecutor.submit

    def noted(function: Callable[..., Any]) -> Callable[..., Any]:
        begun = _begun.get()

        def call(*args: Any, **how: Any) -> Any:
            if begun is not None:
                begun.append(perf_counter())
            return function(*args, **how)

        return call

    def noting(function: Callable[..., Any], *args: Any, **how: Any) -> Awaitable[Any]:
        return run_sync(noted(function), *args, **how)

    def submitting(
        pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **how: Any
    ) -> Future[Any]:
        return submit(pool, noted(function), *args, **how)

    with (
        patch.object(to_thread, "run_sync", noting),
        patch.object(ThreadPoolExecutor, "submit", submitting),
    ):
        yield
