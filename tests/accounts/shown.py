"""What the API says about who is signed in."""

from __future__ import annotations

from tests.browsing import Browser


def me(browser: Browser) -> dict[str, object]:
    told = browser.api("GET", "/me").json()
    assert isinstance(told, dict)
    return told


def handles_of(browser: Browser) -> set[str]:
    accounts = me(browser)["accounts"]
    assert isinstance(accounts, list)
    return {account["handle"] for account in accounts}


def account_of(browser: Browser, network: str) -> dict[str, object]:
    accounts = me(browser)["accounts"]
    assert isinstance(accounts, list)
    (found,) = (one for one in accounts if one["network"] == network)
    assert isinstance(found, dict)
    return found
