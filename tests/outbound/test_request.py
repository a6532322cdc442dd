"""What the door sends, what it takes for an answer, and when it gives up."""

from __future__ import annotations

import gzip
import logging
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from openportability.clock import SystemClock
from openportability.errors import Refused, Unavailable
from openportability.outbound import Door
from tests.outbound.server import Play, Server, answer, answering, heard

Serve = Callable[[Play], Server]


def test_a_reply_is_status_headers_in_any_case_and_body(serve: Serve, door: Door) -> None:
    server = serve(answering(answer(b'{"a": 1}', "201 Created", X_Thing="yes")))
    reply = door.request("GET", f"{server.url}/path?a=1#part")
    assert reply.status == 201
    assert reply.headers["x-thing"] == reply.headers.get("X-THING") == "yes"
    assert reply.json() == {"a": 1}
    assert reply.text == '{"a": 1}'
    assert reply.url == f"{server.url}/path?a=1"
    assert "path" not in repr(reply)


def test_parameters_join_the_query_and_forms_and_json_are_encoded(serve: Serve, door: Door) -> None:
    requests: list[bytes] = []
    server = serve(answering(answer(), requests=requests))
    door.request("GET", f"{server.url}/?a=1", params={"id[]": ["2", "3"], "n": 4})
    door.request("POST", server.url, form={"who": "a b&c"})
    door.request("POST", server.url, json={"who": "é"}, headers={"X-Own": "1"})
    door.request("PUT", server.url, body=b"raw", headers={"user-agent": "Mine/2"})
    assert requests[0].startswith(b"GET /?a=1&id%5B%5D=2&id%5B%5D=3&n=4 HTTP/1.1\r\n")
    assert b"User-Agent: Test/1" in requests[0]
    assert b"Accept-Encoding: identity" in requests[0]
    assert requests[1].endswith(b"\r\n\r\nwho=a+b%26c")
    assert '{"who":"é"}'.encode() in requests[2]
    assert b"X-Own: 1" in requests[2]
    assert requests[3].endswith(b"\r\n\r\nraw")
    assert requests[3].lower().count(b"user-agent") == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_garbage(serve: Serve, door: Door, body: bytes) -> None:
    reply = door.request("GET", serve(answering(answer(body))).url)
    with pytest.raises(Unavailable) as garbage:
        reply.json()
    assert garbage.value.code == "net.garbage"


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "1\r\nX-B: 2"}, {"X-A": "1\n"}, {"X-A\r\nX-B": "1"}, {"X A": "1"}, {"X-A": "\0"}],
)
def test_a_header_cannot_bring_another(door: Door, headers: dict[str, str]) -> None:
    with pytest.raises(Unavailable) as garbage:
        door.request("GET", "http://127.0.0.1:1/", headers=headers)
    assert garbage.value.code == "net.garbage"


def test_a_path_cannot_bring_a_header(serve: Serve, door: Door) -> None:
    requests: list[bytes] = []
    server = serve(answering(answer(), requests=requests))
    with pytest.raises(Refused):
        door.request("GET", f"{server.url}/a\r\nX-B: 2")
    door.request("GET", server.url, params={"a": "1\r\nX-B: 2"})
    assert b"\r\nX-B" not in requests[0]


def test_cookies_are_not_kept(serve: Serve, door: Door) -> None:
    requests: list[bytes] = []
    server = serve(answering(answer(Set_Cookie="who=me; Path=/"), requests=requests))
    door.request("GET", server.url)
    door.request("GET", server.url)
    assert b"cookie" not in requests[1].lower()


def test_proxies_of_the_environment_are_not_used(
    serve: Serve, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(answering(answer(b"proxy")))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setitem(os.environ, name, proxy.url)
    assert door.request("GET", serve(answering(answer(b"server"))).url).text == "server"
    assert proxy.connections == 0


def test_nothing_of_query_headers_or_body_is_logged(
    serve: Serve, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(answering(answer(b"s3cret", X_Nonce="s3cret")))
    with caplog.at_level(logging.DEBUG):
        door.request(
            "POST", f"{server.url}/?t=s3cret", headers={"A": "s3cret"}, form={"a": "s3cret"}
        )
    assert "s3cret" not in caplog.text


# --- redirects --------------------------------------------------------------------------------


def test_redirects_are_followed_only_when_asked_for_and_only_so_often(
    serve: Serve, door: Door
) -> None:
    onward = answer(b"", "302 Found", Location="/next")
    server = serve(answering(onward, onward, answer(b"there")))
    assert door.request("GET", server.url, fresh=True).status == 302
    assert door.request("GET", server.url, redirects=1).status == 302
    server = serve(answering(onward, onward, answer(b"there")))
    reply = door.request("GET", server.url, redirects=2)
    assert (reply.text, reply.url) == ("there", f"{server.url}/next")


@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:1/", "//localhost/", "https://example.org/", "http://[/"]
)
def test_a_redirect_to_another_server_is_returned_not_followed(
    serve: Serve, door: Door, place: str
) -> None:
    server = serve(answering(answer(b"", "301 Moved", Location=place)))
    assert door.request("GET", server.url, redirects=3).headers["location"] == place
    assert server.connections == 1


def test_what_is_sent_is_not_sent_elsewhere_by_a_redirect(serve: Serve, door: Door) -> None:
    server = serve(answering(answer(b"", "307 Again", Location="/next"), answer(b"there")))
    assert door.request("POST", server.url, form={"a": "b"}, redirects=3).status == 307


# --- limits -----------------------------------------------------------------------------------


def dripping(first: bytes, then: bytes, times: int = 200) -> Play:
    """Say `first`, then `then` again and again, never silent for long, for ten seconds in all."""

    def play(connection: socket.socket, nth: int) -> None:
        heard(connection)
        connection.sendall(first)
        pause = threading.Event()
        for _ in range(times):
            pause.wait(0.05)
            connection.sendall(then)

    return play


@pytest.mark.parametrize(
    "play",
    [
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n", b"a"),
        dripping(b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    ],
    ids=["body", "headers", "prelude", "chunks"],
)
def test_an_answer_that_drips_is_cut_when_the_time_is_over(
    serve: Serve, door: Door, play: Play
) -> None:
    server = serve(play)
    with pytest.raises(Unavailable) as late:
        door.request("GET", server.url, timeout_seconds=0.4)
    assert late.value.code == "net.timeout"


def test_a_server_that_says_nothing_is_given_up(serve: Serve, door: Door) -> None:
    server = serve(lambda connection, nth: [heard(connection), heard(connection)])
    with pytest.raises(Unavailable) as late:
        door.request("GET", server.url, timeout_seconds=0.3)
    assert late.value.code == "net.timeout"


def test_a_server_that_reads_nothing_is_given_up(serve: Serve, door: Door) -> None:
    over = threading.Event()
    server = serve(lambda connection, nth: over.wait(10))
    with pytest.raises(Unavailable) as late:
        door.request("POST", server.url, body=b"a" * 20_000_000, timeout_seconds=0.3)
    over.set()
    assert late.value.code == "net.timeout"


def test_a_slow_look_up_is_given_up(make_door: Callable[..., Door]) -> None:
    over = threading.Event()
    door = make_door(resolve=lambda host, port: [str(over.wait(10))])
    with pytest.raises(Unavailable) as late:
        door.request("GET", "https://slow.example/", timeout_seconds=0.2)
    over.set()
    assert late.value.code == "net.timeout"


def test_the_redirects_of_a_request_share_its_time(serve: Serve, door: Door) -> None:
    pause = threading.Event()

    def play(connection: socket.socket, nth: int) -> None:
        while heard(connection):
            pause.wait(0.15)
            connection.sendall(answer(b"", "302 Found", Location="/next"))

    server = serve(play)
    with pytest.raises(Unavailable) as late:
        door.request("GET", server.url, redirects=50, timeout_seconds=0.4)
    assert late.value.code == "net.timeout"


def test_an_answer_larger_than_allowed_is_not_read_to_its_end(serve: Serve, door: Door) -> None:
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = serve(dripping(endless, b"1000\r\n" + b"a" * 4096 + b"\r\n"))
    with pytest.raises(Unavailable) as large:
        door.request("GET", server.url, most_bytes=8000)
    assert large.value.code == "net.too_large"
    server = serve(answering(answer(b"a" * 8000)))
    assert len(door.request("GET", server.url, most_bytes=8000).body) == 8000


def test_a_packed_answer_is_refused_before_it_is_read(serve: Serve, door: Door) -> None:
    packed = gzip.compress(b"a" * 50_000_000)
    server = serve(answering(answer(packed, Content_Encoding="gzip")))
    with pytest.raises(Unavailable) as garbage:
        door.request("GET", server.url)
    assert garbage.value.code == "net.garbage"


@pytest.mark.parametrize("words", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_a_server_of_another_kind_is_garbage(serve: Serve, door: Door, words: bytes) -> None:
    server = serve(answering(words))
    with pytest.raises(Unavailable) as garbage:
        door.request("GET", server.url)
    assert (garbage.value.code, garbage.value.detail) == ("net.garbage", {"host": "127.0.0.1"})


# --- connections ------------------------------------------------------------------------------


def hanging_up_after_one(connection: socket.socket, nth: int) -> None:
    """Answer once, hear the next request, and hang up without a word."""
    heard(connection)
    connection.sendall(answer(str(nth).encode()))
    heard(connection)


def test_a_get_is_said_again_when_a_kept_connection_was_closed(serve: Serve, door: Door) -> None:
    server = serve(hanging_up_after_one)
    assert door.request("GET", server.url).text == "0"
    assert door.request("GET", server.url).text == "1"


def test_what_changes_something_is_never_sent_twice(serve: Serve, door: Door) -> None:
    server = serve(hanging_up_after_one)
    door.request("POST", server.url)
    with pytest.raises(Unavailable) as unknown:
        door.request("POST", server.url)
    assert unknown.value.code == "net.unreachable"
    assert server.connections == 1


def test_a_new_connection_that_is_closed_at_once_is_not_tried_again(
    serve: Serve, door: Door
) -> None:
    server = serve(lambda connection, nth: heard(connection))
    with pytest.raises(Unavailable):
        door.request("GET", server.url)
    assert server.connections == 1


def test_connections_are_kept_unless_a_fresh_one_is_wanted(serve: Serve, door: Door) -> None:
    server = serve(answering(answer()))
    for _ in range(3):
        door.request("GET", server.url)
    assert server.connections == 1
    for _ in range(3):
        door.request("GET", server.url, fresh=True)
    assert server.connections == 4


def test_many_threads_share_a_door(serve: Serve, door: Door) -> None:
    def play(connection: socket.socket, nth: int) -> None:
        while request := heard(connection):
            connection.sendall(answer(request.split(b" ")[1]))

    server = serve(play)
    with ThreadPoolExecutor(40) as threads:
        asked = [f"/{n}" for n in range(400)]
        said = threads.map(lambda path: door.request("GET", server.url + path).text, asked)
        assert list(said) == asked
    assert server.connections <= 64


def test_a_stand_in_takes_the_place_of_the_world() -> None:
    def stand_in(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"host": request.url.host})

    door = Door(
        clock=SystemClock(),
        allow_loopback=False,
        extra_ca_file=None,
        user_agent="Test/1",
        transport=httpx2.MockTransport(stand_in),
    )
    assert door.request("GET", "https://stand-in.example/").json() == {"host": "stand-in.example"}
    with pytest.raises(Unavailable):
        door.request("GET", "https://stand-in.example/", most_bytes=3)
    door.close()
