"""What every journey does again and again: read from the API, hand over an archive, wait."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from tests.browsing import Answer, Browser, HtmlForm

Seen = TypeVar("Seen")


def read(browser: Browser, path: str) -> Any:
    """Read from the API."""
    answer = browser.api("GET", path)
    assert answer.status == 200, (path, answer.status, answer.text[:500])
    return answer.json()


def read_all(browser: Browser, path: str) -> list[dict[str, Any]]:
    """Read a whole list from the API, page by page."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = read(browser, f"{path}?{urlencode({'cursor': cursor})}" if cursor else path)
        items += page["items"]
        cursor = page["next_cursor"] or ""
        if not cursor:
            return items


def matched(browser: Browser) -> set[tuple[str, str]]:
    """Return every account of everyone a person is shown: network and id there."""
    return {
        (account["network"], account["actor_id"])
        for match in read_all(browser, "/matches")
        for account in match["accounts"]
    }


def ledger(browser: Browser) -> dict[tuple[str, str], str]:
    """Return the state of each wanted follow."""
    rows = read_all(browser, "/reconnection/ledger")
    return {(row["network"], row["actor_id"]): row["state"] for row in rows}


def form_to(browser: Browser, action: str, **holding: str) -> HtmlForm:
    """Return the form of the page that goes to `action`, the first that holds these values.

    By its address, not by the words on its button, which change.
    """
    for form in browser.page.forms:
        if form.action == action and holding.items() <= form.fields.items():
            return form
    there = [form.action for form in browser.page.forms]
    raise AssertionError(f"{browser.page.url} has no form to {action}, but {there}")


def submit(browser: Browser, action: str, **values: str) -> Answer:
    """Send a form of the page as it stands there, but for these values."""
    answer = browser.post(action, form_to(browser, action).fields | values)
    assert answer.status == 200, (answer.url, answer.status, answer.words)
    return answer


def leave(
    browser: Browser,
    action: str,
    typed: Mapping[str, str],
    *,
    holding: Mapping[str, str] | None = None,
) -> str:
    """Send a form that leads to another site; return where."""
    form = form_to(browser, action, **(holding or {}))
    sent = browser.send(action, form.fields | dict(typed))
    assert sent.status == 303, (sent.status, sent.words)
    return sent.location


def choose(browser: Browser, **choices: str) -> None:
    """Answer the questions of the settings page."""
    browser.get("/settings")
    submit(browser, "/settings", **choices)


def hand_over(browser: Browser, archive: bytes, **ticked: str) -> Answer:
    """Give an archive to the form of the archive page; return the page that says what was read."""
    browser.get("/archive")
    form = form_to(browser, "/archive")
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {**form.fields, **ticked}.items()
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="archive.zip"\r\n'
        "Content-Type: application/zip\r\n\r\n"
    )
    body = "".join(parts).encode() + archive + f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Sec-Fetch-Site": "same-origin",
    }
    sent = browser.ask("POST", form.action, body=body, headers=headers)
    assert sent.status == 303, (sent.status, sent.words)
    return browser.get(sent.location)


def until(
    look: Callable[[], Seen],
    enough: Callable[[Seen], bool],
    *,
    seconds: float = 60.0,
    pause: float = 0.1,
) -> Seen:
    """Look again and again until it is enough, and return what was seen."""
    give_up = time.monotonic() + seconds
    while not enough(seen := look()):
        assert time.monotonic() < give_up, f"waited {seconds} s in vain; last seen: {seen}"
        time.sleep(pause)
    return seen
