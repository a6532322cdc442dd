"""Large bodies come past the parser: whole, with nothing behind them, and never more than was asked for."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse
from random import Random
from threading import Event
from weakref import ref

import pytest
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from openportability.web import connection
from openportability.web.connection import Connection

LARGE = 5 << 20
SMALL = 10_000
BODY = Random(1).randbytes(LARGE)
ASKED_BEHIND = b"GET /behind HTTP/1.1\r\nHost: h\r\n\r\n"


class Seen:
    """What the site saw of the bodies sent to it."""

    def __init__(self) -> None:
        self.pieces: list[int] = []
        self.broken_off = Event()
        self.behind = Event()


@pytest.fixture
def seen(served: FastAPI) -> Seen:
    seen = Seen()

    @served.post("/archive")
    async def take(request: Request) -> Response:
        body = bytearray()
        try:
            async for piece in request.stream():
                seen.pieces.append(len(piece))
                body += piece
        except ClientDisconnect:
            seen.broken_off.set()
            raise
        return Response(bytes(body[:10] + body[-10:]), headers={"Taken": str(len(body))})

    @served.post("/archive/unread")
    async def leave() -> Response:
        return Response("no", 400)

    @served.get("/behind")
    async def behind() -> Response:
        seen.behind.set()
        return Response()

    served.state.knows = lambda _: True
    return seen


@pytest.fixture
def line(served: FastAPI, seen: Seen) -> Iterator[HTTPConnection]:
    place = served.state.site.settings.base_url.removeprefix("http://")
    line = HTTPConnection(place, timeout=20)
    yield line
    line.close()


def send(line: HTTPConnection, body: bytes, **headers: str) -> HTTPResponse:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    line.request("POST", "/archive", body, form | headers)
    return line.getresponse()


def begin(line: HTTPConnection, path: str = "/archive", length: int = LARGE) -> socket.socket:
    """Send the head of a request and nothing of its body."""
    line.putrequest("POST", path)
    line.putheader("Content-Type", "multipart/form-data; boundary=x")
    line.putheader("Content-Length", str(length))
    line.endheaders()
    return line.sock


def answered(line: socket.socket) -> bytes:
    """Return all that comes until the site closes; it does so with a reset where something lies unread."""
    line.settimeout(20)
    said = bytearray()
    with suppress(ConnectionResetError):
        while piece := line.recv(1 << 16):
            said += piece
    return bytes(said)


def test_a_large_body_comes_whole_and_is_the_last_of_its_connection(
    line: HTTPConnection, seen: Seen
) -> None:
    answer = send(line, BODY)
    assert answer.getheader("Taken") == str(LARGE)
    assert answer.read() == BODY[:10] + BODY[-10:]
    assert answer.getheader("Connection") == "close"
    assert sum(seen.pieces) == LARGE


def test_a_small_body_or_one_in_chunks_is_followed_by_others(line: HTTPConnection) -> None:
    for body, headers in (
        (BODY[:SMALL], {}),
        (b"5\r\nhello\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}),
        (BODY[:SMALL], {}),
    ):
        answer = send(line, body, **headers)
        assert answer.status == 200
        answer.read()
        assert answer.getheader("Connection") is None


def test_a_length_beside_chunks_does_not_count(line: HTTPConnection, seen: Seen) -> None:
    """Else what follows the chunks would be taken for the body, which is how requests are smuggled."""
    where = begin_chunked(line)
    where.sendall(b"5\r\nhello\r\n0\r\n\r\n" + ASKED_BEHIND)
    answer = answered(where).lower()
    assert b"taken: 5" in answer
    assert b"connection: close" in answer
    assert not seen.behind.is_set()


def begin_chunked(line: HTTPConnection) -> socket.socket:
    line.putrequest("POST", "/archive")
    line.putheader("Content-Type", "multipart/form-data; boundary=x")
    line.putheader("Content-Length", str(LARGE))
    line.putheader("Transfer-Encoding", "chunked")
    line.endheaders()
    return line.sock


def test_what_is_sent_behind_a_large_body_is_not_heard(line: HTTPConnection, seen: Seen) -> None:
    where = begin(line)
    where.sendall(BODY + ASKED_BEHIND)
    answer = answered(where)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert f"taken: {LARGE}".encode() in answer.lower()
    assert not seen.behind.is_set()


class Talking(Response):
    """An answer that begins before the body is read, and ends when that does."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.body", "body": self.body})


def test_an_answer_that_began_before_the_body_came_is_the_last_as_well(
    line: HTTPConnection, served: FastAPI, seen: Seen
) -> None:
    @served.post("/archive/talking")
    async def talk() -> Response:
        return Talking("done")

    where = begin(line, "/archive/talking")
    assert where.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
    where.sendall(BODY)
    assert where.recv(4) == b"done"
    with suppress(ConnectionError):
        where.sendall(ASKED_BEHIND)
    assert answered(where) == b""
    assert not seen.behind.is_set()


@pytest.mark.parametrize("sent", [0, 1, SMALL, LARGE // 2, LARGE - 1])
def test_a_body_that_breaks_off_is_known_to_have_done_so(
    line: HTTPConnection, seen: Seen, sent: int
) -> None:
    where = begin(line)
    where.sendall(BODY[:sent])
    line.close()
    assert seen.broken_off.wait(20)
    assert sum(seen.pieces) <= sent


def test_who_waits_for_leave_to_send_gets_it(line: HTTPConnection) -> None:
    line.putrequest("POST", "/archive")
    line.putheader("Content-Type", "multipart/form-data; boundary=x")
    line.putheader("Content-Length", str(LARGE))
    line.putheader("Expect", "100-continue")
    line.endheaders()
    line.sock.settimeout(20)
    assert line.sock.recv(100).startswith(b"HTTP/1.1 100 ")
    line.sock.sendall(BODY)
    assert f"taken: {LARGE}".encode() in answered(line.sock).lower()


def test_an_answer_may_come_before_the_body(line: HTTPConnection, seen: Seen) -> None:
    where = begin(line, "/archive/unread")
    where.sendall(BODY[:SMALL])
    head = where.recv(1 << 16)
    assert head.startswith(b"HTTP/1.1 400")


def test_nonsense_after_an_answer_has_begun_only_hangs_up(
    line: HTTPConnection, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    line.putrequest("POST", "/archive/unread")
    line.putheader("Transfer-Encoding", "chunked")
    line.endheaders()
    answer = line.getresponse()
    assert (answer.status, answer.read()) == (400, b"no")
    line.sock.sendall(b"no size\r\n")
    assert answered(line.sock) == b""
    assert "asyncio" not in {record.name for record in caplog.records}


def test_a_connection_is_gone_as_soon_as_it_is_closed(
    line: HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ref[Connection]] = []
    begun = Connection.connection_made

    def note(self: Connection, transport: asyncio.BaseTransport) -> None:
        made.append(ref(self))
        begun(self, transport)

    monkeypatch.setattr(Connection, "connection_made", note)
    gc.disable()
    try:
        send(line, BODY).read()
        line.close()
        until = time.monotonic() + 20
        while made[0]() and time.monotonic() < until:
            time.sleep(0.01)
        assert made[0]() is None
    finally:
        gc.enable()


def test_a_large_body_may_not_rest(line: HTTPConnection, served: FastAPI) -> None:
    served.state.idle_seconds = 0.2
    where = begin(line)
    where.sendall(BODY[: LARGE // 2])
    assert answered(where).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("sent", [b"", b"GET /behind HTTP/1.1\r\nHost:"])
def test_a_head_that_never_ends_ends_the_connection(
    line: HTTPConnection, seen: Seen, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    line.connect()
    line.sock.sendall(sent)
    assert answered(line.sock) == b""


def test_the_head_of_a_later_request_may_not_dawdle_either(
    line: HTTPConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(line, BODY[:SMALL]).read()
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    line.sock.sendall(b"GET /behind HTTP/1.1\r\n")
    assert answered(line.sock) == b""


def test_who_asked_may_wait_for_the_answer(
    line: HTTPConnection, served: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    @served.get("/slow")
    def slow() -> Response:
        time.sleep(0.6)
        return Response()

    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    for _ in range(2):
        line.request("GET", "/slow")
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200


def test_no_more_is_held_than_the_buffer(line: HTTPConnection, seen: Seen) -> None:
    send(line, BODY).read()
    assert len(seen.pieces) >= LARGE // (2 * connection.BUFFER_BYTES)
    assert max(seen.pieces) <= 2 * connection.BUFFER_BYTES
