"""Whoever asks for the head of a page gets what GET would tell, without the page: RFC 9110, section 9.3.2."""

from __future__ import annotations

import pytest

from openportability import app as parts
from tests.browsing import Answer
from tests.house import ON_SQLITE, House
from tests.promises.routes import all_routes

pytestmark = ON_SQLITE

#: Counted by the database because they cost: no look is free there, nor is what ends a sign-in a look at all.
NO_PAGES = {"/my-data/export", "/auth/{network}/callback", "/auth/{network}/callback/{place}"}
#: What a page is not: for machines, files of the site, and what a network publishes itself.
ASIDE = ("/api/", "/healthz", "/readyz", "/metrics", "/static/", "/_simulated/", "/auth/")


def told(answer: Answer) -> dict[str, str]:
    """Return the headers, but those that are others at each request, or of how a body is sent."""
    aside = {"date", "set-cookie", "x-request-id", "transfer-encoding"}
    return {
        name.lower(): value for name, value in answer.headers.items() if name.lower() not in aside
    }


@pytest.mark.parametrize("signed_in", [False, True])
def test_every_page_without_blanks_has_a_head(house: House, signed_in: bool) -> None:
    browser = house.new_browser()
    if signed_in:
        browser.sign_in("bird", "newcomer")
    looked_at = 0
    for route in all_routes(parts.web(house.site)):
        if route.method != "GET" or "{" in route.path or route.path.startswith(ASIDE):
            continue
        if route.path in NO_PAGES:
            assert browser.ask("HEAD", route.path).status == 405, route.path
            continue
        whole, head = (browser.ask(method, route.path) for method in ("GET", "HEAD"))
        assert (head.status, head.body) == (whole.status, b""), route.path
        if whole.status == 200:
            assert told(head) == told(whole), route.path
            looked_at += 1
    assert looked_at > (15 if signed_in else 5)


def test_what_changes_something_has_no_head(house: House) -> None:
    browser = house.new_browser()
    browser.leave_for("bird", "newcomer")
    back = browser.way_back("newcomer")
    assert browser.ask("HEAD", back).status == 405
    assert browser.ask("HEAD", "/reconnect/plan").status == 405
    # The way back was not spent by being looked at.
    assert browser.get(back).status == 200
    assert "Your accounts" in browser.get("/accounts").words


def test_a_program_asks_as_the_description_says(house: House) -> None:
    browser = house.new_browser()
    assert browser.ask("HEAD", "/api/v1/networks").status == 405
    described = browser.get("/api/v1/openapi.json").json()
    assert not [path for path, verbs in described["paths"].items() if "head" in verbs]
