"""What a page weighs on a first visit, in how many requests, and what it takes at 50 requests at a time.

A real Chromium with an empty cache counts bytes and requests, as a newcomer's would; pictures of people there are none.
Then figures of the same requests, each beside one plain page of the framework: what an answer costs the processor of
who serves; what the server takes from when a thread begins with it, half of them and 95 of 100; and when 95 of 100 had
theirs. Where 50 wait for one process, each waits for 50 such answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.types import ASGIApp

from bench import asking, crowd
from bench.begun import Begun, watched
from bench.figures import Figure
from lab import install
from openportability import app
from openportability.clock import MovedClock
from openportability.demo import show, stage
from openportability.demo.stage import NEWCOMER, SOURCE
from openportability.web import connection
from scripts import shots

_REQUESTS = 300
_CROWD = 100_000
_KIB = 1024
_MOST_REQUESTS = 12


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A page, and what it may take."""

    path: str
    kib: float = 60
    ms: float = 15
    member: bool = True


PAGES: Mapping[str, Budget] = {
    "landing": Budget(path="/", member=False),
    "sign-in": Budget(path="/sign-in", member=False),
    "home": Budget(path="/"),
    "accounts": Budget(path="/accounts"),
    "archive": Budget(path="/archive", kib=90),
    "reconnect": Budget(path="/reconnect"),
    "settings": Budget(path="/settings"),
    "my-data": Budget(path="/my-data"),
    "numbers": Budget(path="/numbers"),
    "matches-100k": Budget(path="/matches?show=all", kib=90, ms=30),
}


def measure(scale: float) -> Iterator[Figure]:
    """Yield bytes and requests of each page on a first visit, then its time at 50 at once."""
    program = install.chromium_program()
    assert program, "no Chromium on this machine: ./run test installs it"
    clock = MovedClock()
    with (
        stage.stage(show.free_port(), clock) as site,
        watched(),
        _serving(made := Begun(app.web(site)), site.settings.port),
        sync_playwright() as playwright,
    ):
        me = next(one for one in stage.at_home(site).values() if one[SOURCE].handle == NEWCOMER)
        user = stage.join(site, me, Random(1))
        site.engine.turn()
        crowd.meet(site, user, int(_CROWD * min(scale, 1)))
        browser = playwright.chromium.launch(executable_path=program, args=shots.FLAGS)
        cookie = _signed_in(browser, site.settings.base_url, me)
        for name, budget in PAGES.items():
            yield from _weight(browser, site.settings.base_url, name, budget, cookie)
        browser.close()
        with _serving(plain := Begun(_plain()), show.free_port()) as address:
            baseline = _asked(plain, f"{address}/", "")
        for name, budget in PAGES.items():
            # One person may not ask so often: each page has five minutes of its own.
            clock.forward(minutes=5)
            url = site.settings.base_url + budget.path
            taken = _asked(made, url, cookie if budget.member else "")
            for metric, ours in taken.figures().items():
                goal = budget.ms if metric == "server-p95-ms" else None
                plainly = baseline.figures()[metric]
                yield _figure(name, metric, ours, goal=goal, baseline=plainly)


def _figure(
    case: str, metric: str, ours: float, *, goal: float | None = None, baseline: float | None = None
) -> Figure:
    return Figure(
        bench="pages",
        case=case,
        database="sqlite",
        metric=metric,
        ours=round(ours, 2),
        goal=goal,
        baseline=None if baseline is None else round(baseline, 2),
    )


# --- weight -----------------------------------------------------------------------------------


def _signed_in(browser: Browser, url: str, me: shots.Home) -> str:
    """Sign in as the newcomer; return the cookies as they are sent."""
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{url}/sign-in")
    shots.be(tab, me[SOURCE], SOURCE)
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in context.cookies())
    context.close()
    return cookies


def _weight(browser: Browser, url: str, name: str, budget: Budget, cookie: str) -> Iterator[Figure]:
    context = browser.new_context()
    if budget.member:
        pairs = (pair.split("=", 1) for pair in cookie.split("; "))
        context.add_cookies([{"name": key, "value": value, "url": url} for key, value in pairs])
    received, asked = _first_visit(context.new_page(), url + budget.path)
    context.close()
    yield _figure(name, "kib", round(received / _KIB, 1), goal=budget.kib)
    yield _figure(name, "requests", asked, goal=_MOST_REQUESTS)


def _first_visit(tab: Page, url: str) -> tuple[int, int]:
    """Return the bytes that came, heads included, and how often was asked."""
    ends: list[int] = []
    asked: list[str] = []
    devtools = tab.context.new_cdp_session(tab)
    devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", lambda told: ends.append(told["encodedDataLength"]))
    devtools.on("Network.requestWillBeSent", lambda told: asked.append(told["request"]["url"]))
    tab.goto(url, wait_until="load")
    # What scripts ask for once they run: a stream of progress never ends, so nothing can be waited for.
    tab.wait_for_timeout(500)
    return sum(ends), len([address for address in asked if not address.startswith("data:")])


# --- time and cost -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Served:
    """What so many requests at a time took, each."""

    #: Of the processor of who serves: from taking a request to the last byte of its answer.
    cpu_ms: float
    #: From when a thread takes a request up to its answer: of half of them, and of 95 of 100.
    server_p50_ms: float
    server_p95_ms: float
    #: By the clock of who asks, the line of all others included.
    p95_ms: float

    def figures(self) -> dict[str, float]:
        return {
            "cpu-ms": self.cpu_ms,
            "server-p50-ms": self.server_p50_ms,
            "server-p95-ms": self.server_p95_ms,
            "p95-ms": self.p95_ms,
        }


def _asked(made: Begun, url: str, cookie: str) -> Served:
    # This process does nothing but serve while others ask; the first answers make what is kept for all.
    asking.p95(url, cookie, asking.AT_ONCE)
    made.seconds.clear()
    began = time.process_time()
    p95 = asking.p95(url, cookie, _REQUESTS)
    cpu_ms = (time.process_time() - began) * 1000 / _REQUESTS
    half, most = made.p50_p95_ms()
    return Served(cpu_ms=cpu_ms, server_p50_ms=half, server_p95_ms=most, p95_ms=p95)


def _plain() -> FastAPI:
    """Return one plain page of the framework."""
    made = FastAPI()

    @made.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse("<!doctype html><title>Plain</title><p>" + "word " * 1000)

    return made


@contextmanager
def _serving(made: ASGIApp, port: int) -> Iterator[str]:
    """Serve pages and do nothing else beside that: no worker. Yield the address."""
    server = uvicorn.Server(connection.config(made, port=port))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
