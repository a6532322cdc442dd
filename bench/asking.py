"""So many at a time ask for one page, each again as soon as it is answered.

One thread looks after all of them and reads no more of an answer than its length: what takes time is the server.
"""

from __future__ import annotations

import re
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

AT_ONCE = 50
_PATIENCE_SECONDS = 60.0
_PIECE_BYTES = 1 << 16
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(kw_only=True)
class _Asker:
    """One of them, and what they have of an answer."""

    line: socket.socket
    left: int
    began: float = 0.0
    head: bytearray = field(default_factory=bytearray)
    #: Bytes of the body that are still to come; None: the head is not complete.
    missing: int | None = None

    def ask(self, request: bytes) -> None:
        self.left -= 1
        self.head.clear()
        self.missing = None
        self.began = time.perf_counter()
        self.line.sendall(request)

    def takes(self, piece: bytes) -> bool:
        """Take a piece of the answer; say whether it is the last."""
        if not piece:
            raise SystemExit("the server hung up")
        if self.missing is None:
            self.head += piece
            head, end, body = bytes(self.head).partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if not end:
                return False
            if length is None or not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"answered {head.decode(errors='replace')}")
            self.missing, piece = int(length[1]), body
        self.missing -= len(piece)
        return self.missing == 0


def p95(url: str, cookie: str, requests: int) -> float:
    """Ask from a process of its own, so that who asks and who answers have a core each; in ms."""
    command = [sys.executable, "-m", "bench.asking", url, cookie, str(requests)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return round(float(done.stdout), 1)


def ask(url: str, cookie: str, requests: int) -> Sequence[float]:
    """Ask so often and return how many seconds each answer took."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    said = f"Cookie: {cookie}\r\n" if cookie else ""
    request = (
        f"GET {parts.path}{query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Accept-Encoding: gzip\r\nSec-Fetch-Site: none\r\n{said}\r\n"
    ).encode()
    taken: list[float] = []
    with selectors.DefaultSelector() as waiting:
        for _ in range(AT_ONCE):
            line = socket.create_connection((parts.hostname, parts.port), _PATIENCE_SECONDS)
            asker = _Asker(line=line, left=requests // AT_ONCE)
            waiting.register(line, selectors.EVENT_READ, asker)
            asker.ask(request)
        while waiting.get_map():
            for key, _ in waiting.select():
                asker = key.data
                if not asker.takes(asker.line.recv(_PIECE_BYTES)):
                    continue
                taken.append(time.perf_counter() - asker.began)
                if asker.left:
                    asker.ask(request)
                else:
                    waiting.unregister(asker.line)
                    asker.line.close()
    return taken


if __name__ == "__main__":
    address, cookie, count = sys.argv[1:]
    print(statistics.quantiles(ask(address, cookie, int(count)), n=20)[-1] * 1000)
