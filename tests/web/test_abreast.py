"""Pages are made in turn, so that each is quick once it is begun; who holds a place for long gives it back."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from threading import Event

import pytest
from fastapi import FastAPI
from starlette.types import Message

from openportability.web import abreast, threads

_LONG = 10.0


@pytest.fixture(autouse=True)
def one_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)


@pytest.fixture
def nobody_is_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abreast, "_PATIENCE_SECONDS", 60.0)


def ask(app: FastAPI, *paths: str) -> list[int]:
    """Ask for pages at the same time; return the status of each."""

    async def one(path: str) -> int:
        said: list[int] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            said.extend([message["status"]] if "status" in message else [])

        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1:8000")],
        }
        await app(scope, receive, send)
        return said[0]

    async def every() -> list[int]:
        threads.share_out(len(paths))
        return await asyncio.gather(*(one(path) for path in paths))

    return asyncio.run(every())


def page(app: FastAPI, path: str, made: Callable[[], object]) -> None:
    @app.get(path)
    def answer() -> dict[str, str]:
        made()
        return {}


@pytest.mark.usefixtures("nobody_is_impatient")
def test_two_pages_are_made_at_a_time_for_each_processor(app: FastAPI) -> None:
    inside: list[int] = []
    most: list[int] = []

    def made() -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)  # the others come meanwhile, if they may
        inside.pop()

    page(app, "/page", made)
    assert ask(app, *["/page"] * 5) == [200] * 5
    assert max(most) <= 2


@pytest.mark.usefixtures("nobody_is_impatient")
def test_who_waits_for_other_servers_keeps_no_page_waiting(app: FastAPI) -> None:
    seen, in_time = Event(), []
    page(app, "/page", seen.set)

    @app.get("/away")
    @threads.waiting_for_others
    def away() -> dict[str, str]:
        in_time.append(seen.wait(_LONG))
        return {}

    assert ask(app, "/away", "/away", "/page") == [200] * 3
    assert in_time == [True, True]


def test_what_holds_a_place_for_long_does_not_hold_the_site(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abreast, "_PATIENCE_SECONDS", 0.01)
    seen, in_time = Event(), []
    page(app, "/page", seen.set)
    page(app, "/stuck", lambda: in_time.append(seen.wait(_LONG)))
    assert ask(app, "/stuck", "/stuck", "/page") == [200] * 3
    assert in_time == [True, True]
