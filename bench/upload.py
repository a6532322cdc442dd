"""A whole archive sent over HTTP to a running site, against the disk writing the same bytes."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import uvicorn

from bench.figures import seconds
from openportability import app
from openportability.accounts import tokens
from openportability.domain import UserId
from openportability.site import Site

_PIECE_BYTES = 1 << 20


def sending(site: Site, user: UserId, path: Path) -> float:
    """Return how long an upload takes, from its first byte to the report."""
    with site.db.write() as tx:
        token = tokens.make_token(tx, site, user, "bench")
    home = urlsplit(site.settings.base_url).netloc
    with _served(site) as address:

        def send() -> None:
            with path.open("rb") as file:
                answer = httpx2.post(
                    f"{address}/api/v1/archives",
                    files={"file": ("archive.zip", file, "application/zip")},
                    headers={"Authorization": f"Bearer {token}", "Host": home},
                    timeout=600,
                )
            assert answer.status_code == 201, answer.text

        return seconds(send)


def writing(path: Path, copy: Path) -> float:
    """Return how long the disk takes for the bytes of a file."""

    def write() -> None:
        with path.open("rb") as source, copy.open("wb") as target:
            while piece := source.read(_PIECE_BYTES):
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        copy.unlink()

    return seconds(write)


@contextmanager
def _served(site: Site) -> Iterator[str]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    config = uvicorn.Config(app.web(site), host="127.0.0.1", port=port, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
