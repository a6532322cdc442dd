"""A server on loopback that says exactly what a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import closing

#: Plays the server's part on one connection; the number counts connections from 0.
Play = Callable[[socket.socket, int], object]


class Server:
    """Accepts on loopback and lets `play` talk; keeps what was asked."""

    def __init__(self, play: Play) -> None:
        self.connections = 0
        self._play = play
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._talk, args=(connection, self.connections))
            self.connections += 1
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket, nth: int) -> None:
        with closing(connection):
            try:
                self._play(connection, nth)
            except OSError:
                return  # the door hung up, as it should

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=10)


def heard(connection: socket.socket) -> bytes:
    """Read one request with its body; empty when the other side hung up."""
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(65536)
        if not part:
            return b""
        request += part
    head, _, body = request.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer as it goes over the wire."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def answering(*answers: bytes, requests: list[bytes] | None = None) -> Play:
    """Give these answers in turn on each connection, the last one for ever."""

    def play(connection: socket.socket, nth: int) -> None:
        turn = 0
        while request := heard(connection):
            if requests is not None:
                requests.append(request)
            connection.sendall(answers[min(turn, len(answers) - 1)])
            turn += 1

    return play
