"""A page as somebody sees it who came here in a browser without a window."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.house import House
from tests.journeys.neighbourhood import Neighbour


def opens(tab: Page, house: House, me: Neighbour, path: str) -> None:
    """Open a page as somebody."""
    cookies = me.browser.cookies.items()
    url = house.base_url
    tab.context.add_cookies([{"name": name, "value": it, "url": url} for name, it in cookies])
    tab.goto(f"{url}{path}")
