"""What a page weighs on a first visit, in how many requests, and how long it takes at 50 requests at a time.

A real Chromium with an empty cache counts bytes and requests, as a newcomer's would; pictures of people there are none.
Times are those of a client at the site's own process, beside one plain page of the framework served in the same way;
so is what an answer costs the processor. Where 50 wait for one process, each waits for 50 such answers.
"""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from random import Random
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, Page, sync_playwright

from bench import cost, crowd
from bench.figures import Figure
from lab import install
from openportability import app
from openportability.clock import MovedClock
from openportability.demo import show, stage
from openportability.demo.stage import NEWCOMER, SOURCE
from scripts import shots

AT_ONCE = 50
_REQUESTS = 1000
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
        show.served(site),
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
        with _plain() as plain:
            baseline = _p95(f"{plain}/", "")
        for name, budget in PAGES.items():
            # One person may not ask so often: each page has five minutes of its own.
            clock.forward(minutes=5)
            url = site.settings.base_url + budget.path
            taken = _p95(url, cookie if budget.member else "")
            yield _figure(name, "p95", taken, goal=budget.ms, baseline=baseline)
        yield from _costs(app.web(site), site.settings.base_url, cookie)


def _figure(
    case: str, metric: str, ours: float, *, goal: float | None = None, baseline: float | None = None
) -> Figure:
    return Figure(
        bench="pages",
        case=case,
        database="sqlite",
        metric=metric,
        ours=ours,
        goal=goal,
        baseline=baseline,
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


def _costs(ours: FastAPI, url: str, cookie: str) -> Iterator[Figure]:
    plain = cost.milliseconds(_plain_page(), "http://127.0.0.1:1/")
    for name, budget in PAGES.items():
        sent = {"cookie": cookie} if budget.member else {}
        spent = cost.milliseconds(ours, url + budget.path, **sent)
        yield _figure(name, "cpu-ms", round(spent, 2), baseline=round(plain, 2))


def _plain_page() -> FastAPI:
    """Return one plain page of the framework."""
    made = FastAPI()

    @made.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse("<!doctype html><title>Plain</title><p>" + "word " * 1000)

    return made


@contextmanager
def _plain() -> Iterator[str]:
    """Serve a plain page as our pages are served; yield its address."""
    port = show.free_port()
    server = uvicorn.Server(uvicorn.Config(_plain_page(), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def _p95(url: str, cookie: str) -> float:
    """Ask from a process of its own, so that who asks and who answers have a core each; in ms."""
    command = [sys.executable, "-m", "bench.pages", url, cookie]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return round(float(done.stdout), 1)


def ask(url: str, cookie: str) -> float:
    """Ask so often, 50 at a time, each over a connection that stays open; return the p95 in ms."""
    each = _REQUESTS // AT_ONCE
    with ThreadPoolExecutor(AT_ONCE) as pool:
        taken = [
            one
            for many in pool.map(_client, repeat(url, AT_ONCE), repeat(cookie), repeat(each))
            for one in many
        ]
    return statistics.quantiles(taken, n=20)[-1] * 1000


def _client(url: str, cookie: str, times: int) -> Sequence[float]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    path = f"{parts.path}?{parts.query}".rstrip("?")
    headers = {"Accept-Encoding": "gzip", "Sec-Fetch-Site": "none"}
    headers |= {"Cookie": cookie} if cookie else {}
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        taken.append(time.perf_counter() - began)
        if answer.status != http.client.OK:
            raise SystemExit(f"{url} answered {answer.status}")
    return taken


if __name__ == "__main__":
    print(ask(*sys.argv[1:]))
