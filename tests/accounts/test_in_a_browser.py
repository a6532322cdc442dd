"""The same in Chromium, which holds forms and redirects against our content policy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.house import House


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def tab(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that may not complain about anything."""
    context = chromium.new_context(java_script_enabled=request.param)
    complaints: list[str] = []
    made = context.new_page()
    made.on("console", lambda message: complaints.append(message.text))
    made.on("pageerror", lambda error: complaints.append(str(error)))
    yield made
    context.close()
    # A page that says no is an answer like any other; Chromium complains about its status.
    assert [one for one in complaints if "status of 400" not in one] == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_buttons_lead_to_the_network_and_back(house: House, tab: Page) -> None:
    tab.goto(f"{house.base_url}/sign-in")
    tab.get_by_label("Your server").fill("meadow.example")
    tab.get_by_role("button", name="Sign in with Herd").click()
    tab.wait_for_url("**/_simulated/herd/authorize?**")
    tab.get_by_label("Somebody else").fill("newcomer@meadow.example")
    tab.get_by_role("button", name="Allow", exact=True).click()
    tab.wait_for_url(f"{house.base_url}/welcome")
    tab.get_by_label("Only people my own archive confirms").check()
    tab.get_by_role("button", name="Save and go on").click()
    tab.wait_for_url(f"{house.base_url}/archive")
    tab.goto(f"{house.base_url}/accounts")
    tab.get_by_label("Your handle").fill("newcomer.sky.example")
    tab.get_by_role("button", name="Sign in with Sky").click()
    tab.get_by_role("button", name="Allow", exact=True).click()
    tab.wait_for_url(f"{house.base_url}/accounts")
    tab.get_by_text("newcomer.sky.example is now linked.").wait_for()
    tab.get_by_text("Unlink", exact=True).last.click()
    tab.get_by_role("button", name="Yes, unlink this account").last.click()
    tab.get_by_text("newcomer.sky.example is no longer linked.").wait_for()
    tab.get_by_role("button", name="Sign out", exact=True).click()
    tab.wait_for_url(f"{house.base_url}/")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_says_no_comes_back_to_words_and_a_way_on(house: House, tab: Page) -> None:
    tab.goto(f"{house.base_url}/sign-in")
    tab.get_by_role("button", name="Sign in with Bird").click()
    tab.get_by_role("button", name="Do not allow").click()
    tab.get_by_text("You did not allow it").wait_for()
    tab.get_by_role("link", name="Sign in again").click()
    tab.wait_for_url(f"{house.base_url}/sign-in")
