"""A small balancing proxy: each request goes to the next web process that answers.

It does what any proxy does. A process that refuses a connection is passed over; where none answers, people
wait. A request that was sent is never sent twice: if its process dies, it is lost, and noted.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition

#: Says that a request was under way in a process that died.
LOST = "X-Lost"
_PATIENCE_SECONDS = 60.0
_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "host"}


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A request that was under way in a process that died, and from when until when it was."""

    port: int
    begun: float
    noticed: float


class Balancer(ThreadingHTTPServer):
    """Stands before some ports of this machine."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._changed = Condition()
        self._open: list[int] = []
        self._turn = 0
        #: Requests that a process has not begun to answer.
        self._unanswered: Counter[int] = Counter()
        #: Requests that were not answered, or not to the end.
        self.lost: list[Loss] = []
        #: Streams that were cut off: their pages connect again.
        self.cut: list[Loss] = []
        #: Answers of 500 and more: what was asked and what came back.
        self.broken: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def send_to(self, port: int) -> None:
        """Let this one answer too."""
        with self._changed:
            self._open.append(port)
            self._changed.notify_all()

    def drain(self, port: int) -> None:
        """Send nothing more there, and wait until all that was sent is being answered."""
        with self._changed:
            self._open.remove(port)
            assert self._changed.wait_for(lambda: not self._unanswered[port], _PATIENCE_SECONDS)

    def connect(self) -> tuple[int, HTTPConnection]:
        """Return a connection to the next process that takes it, and its port."""
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < give_up:
            for port in self._take():
                connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
                with suppress(ConnectionError):
                    connection.connect()
                    return port, connection
                self.answered(port)
            time.sleep(0.02)
        raise TimeoutError("no web process answers")

    def answered(self, port: int) -> None:
        with self._changed:
            self._unanswered[port] -= 1
            self._changed.notify_all()

    def _take(self) -> Sequence[int]:
        with self._changed:
            if not self._open:
                self._changed.wait(0.1)
                return ()
            self._turn += 1
            port = self._open[self._turn % len(self._open)]
            self._unanswered[port] += 1
            return (port,)


class _Handler(BaseHTTPRequestHandler):
    server: Balancer

    def do_GET(self) -> None:
        self._balance()

    def do_POST(self) -> None:
        self._balance()

    def do_PUT(self) -> None:
        self._balance()

    def do_DELETE(self) -> None:
        self._balance()

    def _balance(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        port, connection = self.server.connect()
        begun = time.monotonic()
        try:
            reply = self._ask(port, connection, body)
            whole = reply is not None and self._pass_on(reply)
        finally:
            connection.close()
        if not whole:
            loss = Loss(port=port, begun=begun, noticed=time.monotonic())
            (
                self.server.cut if reply is not None and _is_stream(reply) else self.server.lost
            ).append(loss)
        if reply is None:
            self.send_response(502)
            self.send_header(LOST, "yes")
            self.end_headers()

    def _ask(self, port: int, connection: HTTPConnection, body: bytes) -> HTTPResponse | None:
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _OF_ONE_CONNECTION
        }
        try:
            connection.request(
                self.command, self.path, body, {**headers, "Host": self.headers["Host"]}
            )
            return connection.getresponse()
        except (OSError, HTTPException):
            return None
        finally:
            self.server.answered(port)

    def _pass_on(self, reply: HTTPResponse) -> bool:
        """Say whether all of it came; who asked may have left meanwhile."""
        if reply.status >= 500:
            self.server.broken.append(f"{self.command} {self.path}: {reply.status}")
        self.send_response_only(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in _OF_ONE_CONNECTION:
                self.send_header(name, value)
        self.end_headers()
        try:
            for piece in _pieces(reply):
                try:
                    self.wfile.write(piece)
                except OSError:
                    return True
        except (OSError, HTTPException):
            return False
        return not reply.length

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _pieces(reply: HTTPResponse) -> Iterator[bytes]:
    while piece := reply.read1():
        yield piece


def _is_stream(reply: HTTPResponse) -> bool:
    return reply.headers.get_content_type() == "text/event-stream"
