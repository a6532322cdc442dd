from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from openportability.errors import NotFound
from openportability.web import i18n, sse


class Counts:
    """Something that changes, and remembers how often it was looked at."""

    def __init__(self) -> None:
        self.text = "one"
        self.looks = 0
        self.gone = False

    def look(self) -> str:
        self.looks += 1
        if self.gone:
            raise NotFound
        return f"{self.text} {i18n.speaking().code}"


@pytest.fixture
def counts() -> Counts:
    return Counts()


Open = Callable[..., HTTPResponse]


@pytest.fixture
def opened(served: FastAPI, counts: Counts) -> Iterator[Open]:
    """Open a stream as a page does; all pages leave in the end."""

    @served.get("/events")
    def events(request: Request) -> Response:
        return sse.stream(request, "counts", counts.look)

    where = urlsplit(served.state.site.settings.base_url)
    with ExitStack() as all_pages:

        def open_one(pages: ExitStack = all_pages) -> HTTPResponse:
            connection = HTTPConnection(where.netloc, timeout=10)
            pages.callback(connection.close)
            connection.request("GET", "/events")
            answer = connection.getresponse()
            pages.callback(answer.close)
            return answer

        yield open_one


def next_event(answer: HTTPResponse) -> str:
    lines: list[str] = []
    while line := answer.readline().decode().rstrip("\n"):
        lines.append(line)
    return "\n".join(lines)


def test_a_page_gets_what_is_now_and_every_change(opened: Open, counts: Counts) -> None:
    answer = opened()
    assert answer.getheader("content-type", "").startswith("text/event-stream")
    assert next_event(answer) == "data: one en"
    counts.text = "two\nlines"
    assert next_event(answer) == "data: two\ndata: lines en"


def test_pages_of_one_key_share_one_look(opened: Open, counts: Counts) -> None:
    answers = [opened() for _ in range(8)]
    assert {next_event(answer) for answer in answers} == {"data: one en"}
    counts.text = "two"
    assert {next_event(answer) for answer in answers} == {"data: two en"}
    assert counts.looks < len(answers)


def test_a_look_that_ends_ends_the_stream(opened: Open, counts: Counts) -> None:
    answer = opened()
    next_event(answer)
    counts.gone = True
    assert answer.read() == b""


def test_nothing_is_looked_at_when_no_page_is_open(
    served: FastAPI, opened: Open, counts: Counts
) -> None:
    with ExitStack() as page:
        next_event(opened(page))
    until = time.monotonic() + 90
    while served.state.streams.count and time.monotonic() < until:
        counts.text += "."
        time.sleep(0.05)
    assert served.state.streams.count == 0


def test_too_many_streams_are_told_to_come_back(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "MOST_STREAMS", 1)
    next_event(opened())
    assert opened().status == 429
