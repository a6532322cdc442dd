"""A crawl like an attacker's: every page, link and form there is, with what breaks other sites typed into it.

No 5xx, nothing typed comes back as markup, nobody is led to another site, no answer lacks our policy, and a visitor
meets no word of a member. Seeds are the routes of the program, so a new page is crawled without being named here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from itertools import cycle
from urllib.parse import quote, urlencode, urljoin, urlsplit

import pytest

from openportability import app as parts
from tests.browsing import Answer, Browser
from tests.house import House
from tests.journeys.neighbourhood import Neighbour, Neighbourhood
from tests.promises.routes import all_routes

#: A stream has no end; others would end the member's part, belong to the networks of the test, or are
#: the same page in another language.
LEFT_OUT = re.compile(
    r".*/(events|progress|found)|/leave|/api/v1/me|/sign-out.*|/_simulated/.*|/static/.*|/sessions/.*|/merge.*"
    r"|/(ar|de|en|es|fr|it|pt|sv)(/.*)?"
)
MARK = "<zq9>"
NASTY = (
    f"\"'>{MARK}",
    "' OR 1=1 --",
    "../../../../etc/passwd",
    "//evil.example/%0d%0aSet-Cookie:a=b",
    "{{7*7}}${7*7}",
    "\u0000\ud7ff\u202e",
    "9" * 400,
)
#: Names of fields by which other sites have been led astray.
FIELDS = (
    "next",
    "after",
    "q",
    "found",
    "network",
    "group",
    "id",
    "typed",
    "url",
    "lang",
    "user_id",
)
MOST = 600


@pytest.fixture(scope="module")
def alice(shared_house: House) -> Neighbour:
    """She has lists, a match, a plan, a ledger, and lets herself be found."""
    place = Neighbourhood(shared_house)
    alice, _bob = place.circle(1)
    place.reconnect(alice)
    return alice


class Crawl:
    """Asks everything once, and holds each answer to what all must keep."""

    def __init__(self, shared_house: House, browser: Browser, *, is_member: bool) -> None:
        self._house = shared_house
        self._is_member = is_member
        self._browser = browser
        self._nasty = cycle(NASTY)
        self._asked: set[tuple[str, str]] = set()
        #: Addresses that a page of ours has shown.
        self._linked: set[str] = set()
        self.answers: list[Answer] = []

    def run(self) -> None:
        todo = list(self._seeds())
        while todo and len(self.answers) < MOST:
            method, address, form = todo.pop(0)
            key = (method, urlsplit(address).path + "?" * bool(urlsplit(address).query))
            if key in self._asked or LEFT_OUT.fullmatch(urlsplit(address).path):
                continue
            self._asked.add(key)
            answer = self._ask(method, address, form)
            assert answer.status != 404 or address not in self._linked, f"{address} leads nowhere"
            todo += self._found(answer)
        assert not todo, "there is more to crawl than is crawled"

    def _seeds(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        for one in all_routes(parts.web(self._house.site)):
            path = re.sub(r"\{\w+\}", lambda _: quote(next(self._nasty), safe=""), one.path)
            yield one.method, path, self._fields()
            # A visitor is turned away before anything is read.
            if one.method == "GET" and (self._is_member or one.who != "member"):
                yield one.method, f"{path}?{urlencode(self._fields())}", {}

    def _fields(self) -> dict[str, str]:
        return {name: next(self._nasty) for name in FIELDS}

    def _found(self, page: Answer) -> Iterator[tuple[str, str, dict[str, str]]]:
        if "html" not in page.headers.get("content-type", ""):
            return
        for link in re.findall(r'href="([^"#]+)"', page.text):
            address = quote(urljoin(page.url, unescape(link)), safe=":/?&=%")
            if address.startswith(f"{self._house.base_url}/"):
                self._linked.add(address)
                yield "GET", address, {}
        for form in page.forms:
            address = quote(urljoin(page.url, form.action), safe=":/?&=%")
            if address.startswith(f"{self._house.base_url}/"):
                yield form.method, address, {name: next(self._nasty) for name in form.fields}

    def _ask(self, method: str, address: str, form: dict[str, str]) -> Answer:
        self._house.clock.forward(minutes=1)  # so that nobody is too quick
        if method == "POST" and not urlsplit(address).path.startswith("/api/"):
            answer = self._browser.send(address, form)
        else:
            headers = {"Sec-Fetch-Site": "same-origin"}
            answer = self._browser.ask(method, address, headers=headers)
        self.answers.append(answer)
        what = (method, address)
        assert answer.status < 500, (what, answer.status, answer.text[-300:])
        assert MARK.encode() not in answer.body, what
        assert "default-src 'self'" in answer.headers.get("content-security-policy", ""), what
        led = answer.location if answer.headers.get("location") else ""
        assert not led or led.startswith(f"{self._house.base_url}/"), (what, led)
        return answer


def test_a_visitor_meets_nothing_that_breaks_and_nobody_s_words(
    shared_house: House, alice: Neighbour
) -> None:
    crawl = Crawl(shared_house, shared_house.new_browser(), is_member=False)
    crawl.run()
    assert len(crawl.answers) > 80
    hers = (alice.old_handle, alice.new_handle, alice.new_id, str(alice.number))
    for answer in crawl.answers:
        if answer.path != "/source":
            assert not [word for word in hers if word.encode() in answer.body], answer.url


def test_a_member_meets_nothing_that_breaks(shared_house: House, alice: Neighbour) -> None:
    crawl = Crawl(shared_house, alice.browser, is_member=True)
    crawl.run()
    assert {answer.status for answer in crawl.answers} >= {200, 400, 404}
    assert alice.browser.api("GET", "/me").status == 200
