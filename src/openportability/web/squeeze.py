"""Compresses pages where nobody else can make a browser ask for them.

Who can choose a part of a page and see how long the compressed page is can guess the rest of it, letter by letter
(BREACH, https://www.breachattack.com). So what a member asks for is compressed only if their browser says that no
other site made it ask. What visitors see is the same for all and holds nothing to guess.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Below this a packet is a packet.
_LEAST_BYTES = 1000
#: A third of the time of the usual 9 or less, for a tenth more bytes.
_LEVEL = 3
#: What browsers send for an address that was typed, and for a link of our own pages.
_OUR_OWN = {"same-origin", "none"}


class Squeeze:
    """Compresses whole pages; streams, files and what is compressed already pass as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or not may_squeeze(Headers(scope=scope)):
            return self._app(scope, receive, send)
        return self._app(scope, receive, _Page(send).send)


def may_squeeze(headers: Headers) -> bool:
    """Tell whether the answer to this request may be compressed."""
    if "gzip" not in headers.get("accept-encoding", ""):
        return False
    return "cookie" not in headers or headers.get("sec-fetch-site") in _OUR_OWN


class _Page:
    """Holds the head of an answer back until its body tells whether there is more to come."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._head: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(Headers(raw=message["headers"])):
            self._head = message
            return
        if self._head is not None:
            head, self._head = self._head, None
            if not message.get("more_body") and len(message["body"]) >= _LEAST_BYTES:
                message = _squeezed(head, message)
            await self._send(head)
        await self._send(message)


def _is_page(headers: Headers) -> bool:
    kind = headers.get("content-type", "")
    return kind.startswith("text/html") and "content-encoding" not in headers


def _squeezed(head: Message, message: Message) -> Message:
    body = gzip.compress(message["body"], _LEVEL, mtime=0)
    headers = MutableHeaders(scope=head)
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    headers.add_vary_header("Accept-Encoding")
    return {**message, "body": body}
