"""A connection whose large bodies come past the parser of HTTP, and whose heads may not dawdle.

Of a body whose length was said, only its end is of interest. The parser copies each piece several times, which
costs more than the disk does; here what comes lies in one buffer until it is asked for.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast
from weakref import proxy

import h11
from starlette.types import ASGIApp, Message
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from openportability.web import large

#: What has arrived and was not asked for; then the sender has to wait.
BUFFER_BYTES = 1 << 21
#: The head of a request has to come within; nothing is known before of who sends it.
HEAD_SECONDS = 30.0


def config(app: ASGIApp, **given: Any) -> Config:
    """Return how a server serves a site, whoever starts it; `given` are more of the server's own options."""
    return Config(
        app,
        http=Connection,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        **given,
    )


class Connection(H11Protocol):
    """A connection to this site."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        # Weak, or each connection would wait for the search for garbage.
        super().__init__(config, server_state, app_state | {large.CONNECTION: proxy(self)}, _loop)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._patience = self.loop.call_later(HEAD_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Before the first request there is no cycle.
        asking = not getattr(self.cycle, "response_complete", True)
        if asking and self._patience:
            self._patience.cancel()
            self._patience = None
        elif not asking and not self._patience:
            self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience:
            self._patience.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Say that what comes is no HTTP, or only hang up where another answer has begun."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def take_rest(self, count: int) -> Rest:
        """Take the last `count` bytes of the body that is coming; nothing comes after it."""
        # The parser will not have seen the end of it: the answer is the last one, and says so if it has not begun.
        cast(list[Any], self.cycle.scope["headers"]).append(CLOSE_HEADER)
        self.cycle.keep_alive = False
        self.flow.resume_reading()
        rest = Rest(self, self.transport, count)
        self.transport.set_protocol(rest)
        return rest


class Rest(asyncio.BufferedProtocol):
    """What is still to come of a body."""

    def __init__(self, connection: Connection, transport: asyncio.Transport, count: int) -> None:
        self._connection = connection
        self._transport = transport
        self._buffer = memoryview(bytearray(min(count, BUFFER_BYTES)))
        self._held = 0
        #: Bytes that have not arrived.
        self._left = count
        self._lost = False
        self._something = asyncio.Event()

    async def receive(self) -> Message:
        """Return what has arrived, as soon as that is anything."""
        await self._something.wait()
        if self._lost:
            return {"type": "http.disconnect"}
        self._something.clear()
        body = bytes(self._buffer[: self._held])
        if self._held == len(self._buffer):
            self._transport.resume_reading()
        self._held = 0
        return {"type": "http.request", "body": body, "more_body": self._left > 0}

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[self._held : self._held + self._left]

    def buffer_updated(self, nbytes: int) -> None:
        self._held += nbytes
        self._left -= nbytes
        if not self._left:
            self._transport.set_protocol(self._connection)
        if self._held == len(self._buffer):
            self._transport.pause_reading()
        self._something.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._something.set()
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()
