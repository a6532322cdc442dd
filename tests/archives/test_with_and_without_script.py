"""Bringing lists in a browser whose script is off, and what changes by itself where it is on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from openportability.accounts import store as accounts
from openportability.domain import Found, UserId
from tests.archives.corpus import archive_files, row, script, zipped
from tests.house import House


@pytest.fixture
def database_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """What is stored is tested on both databases; here it is the page."""
    path = shutil.copy(migrated_sqlite, tmp_path / "openportability.db")
    return f"sqlite:///{path}"


@contextmanager
def page_of(house: House, chromium: Browser, cookies: dict[str, str], on: bool) -> Iterator[Page]:
    """A page of somebody who is signed in; it may not complain."""
    complaints: list[str] = []
    with chromium.new_context(base_url=house.base_url, java_script_enabled=on) as context:
        context.add_cookies(
            [{"name": k, "value": v, "url": house.base_url} for k, v in cookies.items()]
        )
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    assert complaints == []


def bring(page: Page, body: bytes) -> str:
    """Bring an archive as the page offers it; return the address of the report."""
    hand_over(page, body)
    page.wait_for_url("**/archive/*")
    return page.url


def hand_over(page: Page, body: bytes) -> None:
    """Let an archive set out."""
    page.goto("/archive")
    chosen: Any = {"name": "archive.zip", "mimeType": "application/zip", "buffer": body}
    page.locator("input[type=file]").first.set_input_files(chosen)
    ways = page.get_by_role("button", name="Read my archive").or_(
        page.get_by_role("button", name="Hand over these lists")
    )
    ways.filter(visible=True).first.click()
    if page.url.endswith("/archive"):
        page.get_by_role("button", name="Hand over these lists").click()


def test_the_report_is_the_same_without_script_and_says_who_is_here(
    house: House, chromium: Browser
) -> None:
    browser, friend = house.new_browser(), house.new_browser()
    me, other = browser.get("/_simulated/bird/people?limit=2&skip=7").json()["people"]
    browser.sign_in("bird", me["handle"])
    friend.sign_in("bird", other["handle"])
    with house.site.db.write() as tx:
        accounts.choose(tx, UserId(2), found=Found.ANYONE)

    def archive(*following: int) -> bytes:
        files = archive_files(owner=me["id"], handle=me["handle"], following=following)
        rows = [{}, *(row("following", number) for number in following)]
        return zipped({**files, "data/following.js": script("following", rows)})

    before, after = archive(1, 2, 3), archive(2, 3, 4, 5, int(other["id"]))
    with page_of(house, chromium, browser.cookies, on=False) as plain:
        bring(plain, before)
        without = bring(plain, after)
        bring(plain, before)
    with page_of(house, chromium, browser.cookies, on=True) as lively:
        with_script = bring(lively, after)
        expect(lively.locator("#found")).to_contain_text("0")
        house.turn()
        expect(lively.locator("#found")).to_contain_text("1")
    with page_of(house, chromium, browser.cookies, on=False) as plain:
        told = []
        for address in (without, with_script):
            plain.goto(address)
            shown = plain.locator("main").inner_text()
            # When each was brought is told to the minute, and a minute may end in between.
            told.append(re.sub(r"(?<=Brought here)\s+.+", " once", shown))
    assert without != with_script
    assert told[0] == told[1]
    words = " ".join(told[0].split())
    assert "List People New Gone As before People you follow 5 3 1 2" in words
    assert "Lines that could not be used: 1" in words
    assert "People found 1" in words


def test_who_closes_the_page_meanwhile_is_asked_and_told_that_nothing_arrived(
    house: House, chromium: Browser
) -> None:
    browser = house.new_browser()
    (me,) = browser.get("/_simulated/bird/people?limit=1&skip=9").json()["people"]
    browser.sign_in("bird", me["handle"])
    body = zipped(archive_files(owner=me["id"], handle=me["handle"], following=(1, 2, 3)))
    with page_of(house, chromium, browser.cookies, on=True) as page:
        # Nothing leaves and no answer comes. What is merely held back on its way may set out when the page closes.
        page.add_init_script("fetch = () => new Promise(() => {})")
        hand_over(page, body)
        later = page.context.new_page()
        with page.expect_event("close"), page.expect_event("dialog") as asked:
            page.close(run_before_unload=True)
            page.once("dialog", lambda dialog: dialog.accept())
        assert asked.value.type == "beforeunload"
        later.goto("/archive")
        told = later.get_by_role("alert")
        expect(told).to_contain_text("Nothing of it has arrived so far")
        bring(later, body)
        later.goto("/archive")
        expect(told).to_have_count(0)


def test_the_reading_of_an_account_is_shown_as_it_goes(house: House, chromium: Browser) -> None:
    browser = house.new_browser()
    (me,) = browser.get("/_simulated/herd/people?limit=1&skip=3").json()["people"]
    browser.sign_in("herd", me["handle"])
    with page_of(house, chromium, browser.cookies, on=True) as page:
        page.goto("/archive")
        page.get_by_role("button", name="Read my lists there").click()
        expect(page.get_by_text("0 people so far")).to_be_visible()
        page.evaluate("window.stayed = true")
        house.turn()
        expect(page.get_by_role("link", name="See what was read")).to_be_visible()
        assert page.evaluate("window.stayed")
