"""Uploads that dawdle or break off: nothing is stored, and disk and memory are given back."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select

from openportability.accounts import tokens
from openportability.archives import wire
from openportability.clock import monotonic
from openportability.db.schema import archives, follow_lists
from openportability.domain import UserId
from tests.archives.corpus import archive_files, zipped
from tests.house import House

BOUNDARY = "line"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture
def database_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """No upload gets as far as a database."""
    path = shutil.copy(migrated_sqlite, tmp_path / "openportability.db")
    return f"sqlite:///{path}"


@pytest.fixture
def request_bytes(house: House) -> bytes:
    """A whole upload of somebody signed in, as bytes of HTTP, larger than what is kept in memory."""
    browser = house.new_browser()
    (me,) = browser.get("/_simulated/bird/people?limit=1&skip=7").json()["people"]
    browser.sign_in("bird", me["handle"])
    with house.site.db.write() as tx:
        token = tokens.make_token(tx, house.site, UserId(1), "test")
    files = archive_files(owner=me["id"], handle=me["handle"])
    video = {"data/tweets_media/video.mp4": os.urandom(2 << 20)}
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
    ).encode()
    body += zipped({**video, **files}, method=0) + f"\r\n--{BOUNDARY}--\r\n".encode()
    head = (
        f"POST /api/v1/archives HTTP/1.1\r\nHost: {urlsplit(house.base_url).netloc}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: {FORM}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def connect(house: House) -> socket.socket:
    where = urlsplit(house.base_url)
    assert where.hostname
    assert where.port
    return socket.create_connection((where.hostname, where.port), timeout=10)


def stored(house: House) -> int:
    with house.site.db.read() as tx:
        return sum(
            tx.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (archives, follow_lists)
        )


def spooled() -> int:
    """How many files without a name this process holds: what uploads are written to."""
    held = 0
    for each in Path("/proc/self/fd").iterdir():
        try:
            held += each.readlink().name.endswith("(deleted)")
        except OSError:
            continue
    return held


def soon(fits: Callable[[], bool], every: float = 0.05) -> bool:
    until = monotonic() + 90
    while monotonic() < until:
        gc.collect()
        if fits():
            return True
        time.sleep(every)
    return False


def status_of(house: House, request: bytes) -> bytes:
    """Send a whole request; return the version and status it is answered with."""
    with connect(house) as line:
        line.sendall(request)
        return line.recv(12)


def test_an_upload_that_breaks_off_anywhere_leaves_nothing(
    house: House, request_bytes: bytes
) -> None:
    before = spooled()
    whole = len(request_bytes)
    head = request_bytes.index(b"\r\n\r\n") + 4
    near = [head - 1, head, head + 10, head + 90]
    for at in [1, *near, *range(head + 1000, whole, whole // 12), whole - 20, whole - 1]:
        with connect(house) as line:
            line.sendall(request_bytes[:at])
    assert soon(lambda: spooled() == before)
    assert stored(house) == 0
    # Who broke off holds a turn until the server has noticed. Told to come back, one comes back.
    assert soon(lambda: status_of(house, request_bytes) != b"HTTP/1.1 503", every=0.5)
    assert stored(house) == 3
    assert soon(lambda: spooled() == before)


def test_uploads_that_dawdle_keep_nobody_else_waiting(house: House, request_bytes: bytes) -> None:
    before = spooled()
    lines = [connect(house) for _ in range(60)]
    for line in lines:
        line.sendall(request_bytes[: len(request_bytes) // 2])
    assert soon(lambda: spooled() > before)
    assert house.new_browser().get("/").status == 200
    for line in lines:
        line.close()
    assert soon(lambda: spooled() == before)
    assert stored(house) == 0


@pytest.mark.parametrize("kind", [FORM, wire.MEDIA_TYPE])
def test_what_stops_on_its_way_is_ended_and_given_back(
    house: House, request_bytes: bytes, kind: str
) -> None:
    request = request_bytes.replace(FORM.encode(), kind.encode())
    before = spooled()
    with connect(house) as line:
        line.sendall(request[: len(request) * 3 // 4])
        assert soon(lambda: spooled() > before)  # more than a mebibyte lies on the disk
    house.app.state.idle_seconds = 0.2
    with connect(house) as line:
        line.sendall(request[: len(request) * 3 // 4])
        answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"svc.stalled" in answer
    assert soon(lambda: spooled() == before)
    assert house.line.length == 0
    assert stored(house) == 0
