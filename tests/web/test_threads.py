"""Which thread answers: one from who asks to the page for who only looks, and few of those at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event, Semaphore, get_ident, main_thread
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from starlette.testclient import TestClient

from openportability.db.engine import Database
from openportability.web.routing import Router
from openportability.web.threads import counted_where
from openportability.web.who import anybody
from tests.web.conftest import HOME

SECONDS = 30


@counted_where(lambda: False)
def who() -> int:
    return get_ident()


Who = Annotated[int, Depends(who)]


@pytest.fixture
def app(make_app: Callable[[str], FastAPI]) -> FastAPI:
    return make_app(HOME)


def visit(app: FastAPI, router: Router) -> TestClient:
    app.include_router(router)
    return TestClient(app, base_url=HOME, headers={"Sec-Fetch-Site": "same-origin"})


def test_who_only_looks_is_known_and_answered_in_one_thread(app: FastAPI) -> None:
    router = Router()

    @router.get("/one")
    @anybody
    def one(asked_in: Who) -> list[int]:
        return [asked_in, get_ident()]

    with visit(app, router) as client:
        asked_in, answered_in = client.get("/one").json()
    assert asked_in == answered_in != main_thread().ident


def test_few_look_at_a_time_and_keep_nobody_from_changing_something(
    make_app: Callable[..., FastAPI], db: Database
) -> None:
    app, router = make_app(HOME, db), Router()
    few = app.state.site.settings.web_threads // 4 if db.dialect.answers_elsewhere else 1
    go_on, looks, count = Event(), Semaphore(0), []

    @router.get("/look")
    @anybody
    def look() -> None:
        count.append(1)
        looks.release()
        assert go_on.wait(SECONDS)
        count.pop()

    @router.post("/change")
    @anybody
    def change() -> int:
        return len(count)

    with visit(app, router) as client, ThreadPoolExecutor() as people:
        looking = [people.submit(client.get, "/look") for _ in range(few + 2)]
        assert all(looks.acquire(timeout=SECONDS) for _ in range(few))
        assert client.post("/change").json() == few
        go_on.set()
        assert {one.result().status_code for one in looking} == {200}


def test_what_waits_in_a_thread_that_cannot_is_seen_at_once(app: FastAPI) -> None:
    router = Router()

    @router.get("/waits", dependencies=[Depends(partial(asyncio.sleep, 0))])
    @anybody
    def waits() -> None: ...

    with visit(app, router) as client:
        assert client.get("/waits").status_code == 500
