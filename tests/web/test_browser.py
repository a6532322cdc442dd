from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, expect
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from openportability.web import sse
from openportability.web.render import page


@pytest.fixture
def address(served: FastAPI) -> str:
    app = served

    @app.get("/")
    def home(request: Request) -> Response:
        return page(request, "home/landing.html")

    @app.get("/live")
    def live(request: Request) -> Response:
        extra = (
            '<p id="stream" hx-sse:connect="/live/events"></p>'
            '<button hx-post="/live/swap" hx-target="#swapped">Go</button><p id="swapped"></p>'
        )
        text = bytes(page(request, "home/about.html").body).decode()
        return HTMLResponse(text.replace("</main>", f"{extra}</main>"))

    @app.get("/live/events")
    def events(request: Request) -> Response:
        return sse.stream(request, "live", lambda: "<b>alive</b>")

    @app.get("/full")
    def full(request: Request) -> Response:
        part = '<p id="stream" hx-sse:connect="/full/events" hx-trigger="load, again">as it was</p>'
        text = bytes(page(request, "home/about.html").body).decode()
        return HTMLResponse(text.replace("</main>", f"{part}</main>"))

    asked: list[str] = []

    @app.get("/full/events")
    def full_events(request: Request) -> Response:
        asked.append(request.url.path)
        if len(asked) == 1:
            return HTMLResponse("no", 503, headers={"Retry-After": "1"})
        return sse.stream(request, "full", lambda: "<b>alive</b>")

    @app.post("/live/swap")
    def swap() -> Response:
        return HTMLResponse("swapped")

    base_url: str = app.state.site.settings.base_url
    return base_url


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(viewport={"width": 320, "height": 700})
    yield made
    made.close()


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    """A narrow page that may not complain about anything."""
    complaints: list[str] = []
    made = context.new_page()
    made.on("console", lambda message: complaints.append(message.text))
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    assert complaints == []


def test_no_page_is_wider_than_a_small_phone(address: str, tab: Page) -> None:
    for path in ("/", "/about", "/privacy", "/_patterns"):
        tab.goto(address + path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_the_colours_change_at_once_and_stay(address: str, tab: Page) -> None:
    tab.goto(f"{address}/about")
    with tab.expect_response(lambda answer: answer.url.endswith("/theme")):
        tab.get_by_role("button", name="Dark").click()
    assert tab.locator("html").get_attribute("data-theme") == "dark"
    tab.reload()
    assert tab.locator("html").get_attribute("data-theme") == "dark"
    assert tab.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"


def test_the_colours_change_without_script(address: str, chromium: Browser) -> None:
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{address}/about")
    tab.get_by_role("button", name="Dark").click()
    expect(tab.locator("html[data-theme=dark]")).to_have_count(1)
    assert tab.url == f"{address}/about"
    context.close()


def test_the_first_stop_of_the_keyboard_is_the_way_to_the_content(address: str, tab: Page) -> None:
    tab.goto(f"{address}/about")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"


def test_everything_comes_from_this_site(address: str, tab: Page) -> None:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(address)
    assert asked
    assert all(url.startswith((address, "data:")) for url in asked)


def test_a_stream_that_cannot_be_opened_is_asked_for_again(
    address: str, context: BrowserContext
) -> None:
    """What the page shows stays meanwhile. The browser itself complains of the answer, so nobody listens here."""
    tab = context.new_page()
    with tab.expect_response(lambda answer: answer.status == 503):
        tab.goto(f"{address}/full")
    assert tab.locator("#stream").inner_text() == "as it was"
    tab.locator("#stream b").wait_for()


def test_on_paper_there_is_the_page_alone_and_dark_words(address: str, tab: Page) -> None:
    tab.goto(f"{address}/about")
    tab.get_by_role("button", name="Dark").click()
    tab.emulate_media(media="print", color_scheme="dark")
    for part in ("header.top", "footer.foot"):
        assert not tab.locator(part).is_visible()
    light = "getComputedStyle(document.documentElement).getPropertyValue('--ink')"
    assert tab.evaluate(light) == "#22302f"


def test_a_block_is_swapped_and_a_stream_is_shown_under_our_policy(address: str, tab: Page) -> None:
    tab.goto(f"{address}/live")
    tab.locator("#stream b").wait_for()
    tab.get_by_role("button", name="Go").click()
    tab.get_by_text("swapped", exact=True).wait_for()
