"""A mail server as small as can be: it takes mail on loopback, or says what it is told to say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(kw_only=True)
class Postman:
    """What was taken, and how the next ones are answered."""

    port: int
    #: The answer to a recipient; a greeting of 421 is a server that is away.
    greeting: bytes = b"220 here"
    recipient: bytes = b"250 ok"
    #: Recipient and mail, in the order they came.
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def text(self, which: int = -1, kind: str = "plain") -> str:
        """Return the words of a mail, in one of its two forms."""
        body = self.taken[which][1].get_body((kind,))
        assert body is not None
        return str(body.get_content())

    def serve(self, connection: socket.socket) -> None:
        """Speak with one caller."""
        with connection, connection.makefile("rb") as lines:
            connection.sendall(self.greeting + b"\r\n")
            to = ""
            for line in lines:
                verb = line[:4].upper()
                if verb == b"RCPT":
                    to = line.decode().partition("<")[2].partition(">")[0]
                    connection.sendall(self.recipient + b"\r\n")
                elif verb == b"DATA":
                    connection.sendall(b"354 go on\r\n")
                    whole = b"".join(iter(lambda: next(lines), b".\r\n"))
                    made = message_from_bytes(whole, policy=policy.default)
                    assert isinstance(made, EmailMessage)
                    self.taken.append((to, made))
                    connection.sendall(b"250 taken\r\n")
                else:
                    connection.sendall(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")


@contextmanager
def postman() -> Iterator[Postman]:
    """Let one serve on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Postman(port=listening.getsockname()[1])

        def run() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with suppress(OSError):
                        made.serve(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield made
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)
