"""What an answer costs in processor time, asked within the process: other work on the machine changes it little."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Scope

from openportability.web import threads

_WARM, _TIMES = 20, 200
_THREADS = 40


def milliseconds(app: ASGIApp, url: str, **sent: str) -> float:
    """Ask one after another, as a server would, and return the mean; `sent` are further headers."""
    # In a thread of its own: the browser of the bench has an event loop in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _milliseconds(app, url, sent)).result()


async def _milliseconds(app: ASGIApp, url: str, sent: Mapping[str, str]) -> float:
    threads.share_out(_THREADS, looks_wait=True)
    for _ in range(_WARM):
        await _ask(app, _scope(url, sent))
    began = time.process_time()
    for _ in range(_TIMES):
        await _ask(app, _scope(url, sent))
    return (time.process_time() - began) / _TIMES * 1000


async def _ask(app: ASGIApp, scope: Scope) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        assert message.get("status", 200) == 200, (scope["path"], message["status"])

    await app(scope, receive, send)


def _scope(url: str, sent: Mapping[str, str]) -> Scope:
    parts = urlsplit(url)
    headers = {"host": parts.netloc, "accept-encoding": "gzip", "sec-fetch-site": "none", **sent}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "server": ("127.0.0.1", parts.port),
        "client": ("127.0.0.1", 1),
        "root_path": "",
        "state": {},
    }
