"""A whole archive sent over HTTP to a running site, against the disk and a bare socket taking the same bytes."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from io import RawIOBase
from pathlib import Path
from statistics import fmean
from urllib.parse import urlsplit

import uvicorn

from openportability import app
from openportability.accounts import tokens
from openportability.domain import UserId
from openportability.site import Site
from openportability.web import connection

_PIECE_BYTES = 1 << 20
_TIMES = 3
#: After so many files in a row a disk has no memory of its own left to take them into.
_LASTING = 8
#: As a browser makes one.
_BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
_FRONT = (
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="archive.zip"\r\n\r\n'
)
_END = f"\r\n--{_BOUNDARY}--\r\n"


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What it took to send a file, from its first byte to the report; or to copy it."""

    seconds: float
    #: Of the processor, in the process that serves or copies: of it a part is ours to make smaller.
    cpu_seconds: float


def sending(site: Site, user: UserId, path: Path) -> Spent:
    """Let another process send a file as a form, some times."""
    with site.db.write() as tx:
        token = tokens.make_token(tx, site, user, "bench")
    home = urlsplit(site.settings.base_url).netloc
    taken: list[tuple[float, float]] = []
    with _served(site) as port:
        command = [sys.executable, "-m", "bench.upload", str(port), home, token, str(path)]
        for _ in range(_TIMES):
            used = time.process_time()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            taken.append((float(done.stdout), time.process_time() - used))
    return _best(taken)


def writing(path: Path, copy: Path) -> Spent:
    """Return what the disk takes for the bytes of a file."""
    taken = []
    for _ in range(_TIMES):
        taken.append(_written(path, copy))
        copy.unlink()
    return _best(taken)


def writing_on(path: Path, folder: Path) -> Spent:
    """Return what the disk takes for a file on the average of many that come one after the other and stay."""
    copies = [folder / f"copy-{number}" for number in range(_LASTING)]
    taken = [_written(path, copy) for copy in copies]
    for copy in copies:
        copy.unlink()
    return _spent(fmean(wall for wall, _ in taken), fmean(used for _, used in taken))


def _written(path: Path, copy: Path) -> tuple[float, float]:
    wall, used = time.perf_counter(), time.process_time()
    with path.open("rb") as source, copy.open("wb") as target:
        while piece := source.read(_PIECE_BYTES):
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    return time.perf_counter() - wall, time.process_time() - used


def receiving(path: Path, copy: Path) -> Spent:
    """Return what it takes to receive the same form and have it on the disk, with no site at all."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        command = [sys.executable, "-m", "bench.upload", str(port), "bare", "none", str(path)]
        for _ in range(_TIMES):
            sending = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            line, _address = listening.accept()
            used = time.process_time()
            with line, copy.open("wb", buffering=0) as target:
                _receive(line, target)
            used = time.process_time() - used
            taken.append((float(sending.communicate()[0]), used))
            copy.unlink()
    return _best(taken)


def _receive(line: socket.socket, target: RawIOBase) -> None:
    """Write a request to a file as it is, wait for the disk, and answer."""
    piece = memoryview(bytearray(_PIECE_BYTES))
    end = _END.encode()
    while count := line.recv_into(piece):
        target.write(piece[:count])
        if piece[max(0, count - len(end)) : count] == end:
            break
    os.fsync(target.fileno())
    line.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")


def _best(taken: list[tuple[float, float]]) -> Spent:
    return _spent(min(wall for wall, _ in taken), min(used for _, used in taken))


def _spent(wall: float, used: float) -> Spent:
    return Spent(seconds=round(wall, 3), cpu_seconds=round(used, 3))


@contextmanager
def _served(site: Site) -> Iterator[int]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    config = connection.config(app.web(site), host="127.0.0.1", port=port)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    # As `serve` does once it is made.
    gc.collect()
    gc.freeze()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()
        gc.unfreeze()


def _send(port: int, home: str, token: str, path: Path) -> float:
    """Send a file with next to no work of our own; return how long the answer took."""
    front, end = _FRONT.encode(), _END.encode()
    started = time.perf_counter()
    line = HTTPConnection("127.0.0.1", port, timeout=600)
    line.putrequest("POST", "/api/v1/archives", skip_host=True)
    line.putheader("Host", home)
    line.putheader("Authorization", f"Bearer {token}")
    line.putheader("Content-Type", f"multipart/form-data; boundary={_BOUNDARY}")
    line.putheader("Content-Length", str(len(front) + path.stat().st_size + len(end)))
    line.endheaders(front)
    with path.open("rb") as file:
        line.sock.sendfile(file)
    line.send(end)
    answer = line.getresponse()
    assert answer.status == 201, answer.read()
    return time.perf_counter() - started


if __name__ == "__main__":
    print(_send(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])))
