"""A large body: its beginning comes by the parser of HTTP, the rest past it where the connection can do that."""

from __future__ import annotations

from typing import Final, Protocol

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

#: Under this name a connection that can is told in the state of a request.
CONNECTION: Final = "connection"
#: Smaller ones are not worth it: the connection ends with such a body.
_FROM_BYTES = 1 << 20
#: Among the headers of a request, this makes its answer the last one of the connection.
_LAST: Final = (b"connection", b"close")


class Rest(Protocol):
    """What is still to come of a body."""

    async def receive(self) -> Message: ...


class Connection(Protocol):
    """One that hands over the rest of a body as it lies on the wire."""

    def take_rest(self, count: int) -> Rest: ...


def receiving(scope: Scope, receive: Receive) -> Receive:
    """Return what receives the body of a request at the least cost."""
    connection = scope.get("state", {}).get(CONNECTION)
    headers = Headers(scope=scope)
    length = headers.get("content-length", "")
    if "transfer-encoding" in headers:
        if length:
            # Beside chunks a length does not count, and what follows is not to be trusted: RFC 9112, section 6.3.
            scope["headers"].append(_LAST)
        return receive
    if connection is None or not length.isdecimal() or int(length) < _FROM_BYTES:
        return receive
    return _Large(connection, receive, int(length)).receive


class _Large:
    def __init__(self, connection: Connection, receive: Receive, length: int) -> None:
        self._connection = connection
        self._receive = receive
        self._left = length
        self._rest: Rest | None = None

    async def receive(self) -> Message:
        """Return the next piece, or whatever follows the body."""
        past = self._rest is not None and self._left
        message = await (self._rest.receive() if self._rest and past else self._receive())
        self._left -= len(message.get("body", b""))
        if self._rest is None and self._left and message["type"] == "http.request":
            self._rest = self._connection.take_rest(self._left)
        return message
