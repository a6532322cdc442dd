"""A browser without scripts: it keeps cookies, follows redirects and presses buttons of the page it looks at.

Everything goes through real sockets, so what is tested is what people get.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPMessage, HTTPResponse
from http.cookies import SimpleCookie
from itertools import count, takewhile
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 10


@dataclass(kw_only=True)
class HtmlForm:
    """A form as it stands on a page: what it would send if nobody touched it."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    #: Words of each button, with the name and value that it adds.
    buttons: list[tuple[str, str, str]] = field(default_factory=list)


class _Page(HTMLParser):
    """Finds the forms of a page, and the words outside of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[HtmlForm] = []
        self.words: list[str] = []
        self._button: tuple[str, str] | None = None
        self._label: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        name, value = of.get("name", ""), of.get("value", "")
        if tag == "form":
            method = of.get("method", "get").upper()
            self.forms.append(HtmlForm(action=of.get("action", ""), method=method))
        elif tag == "input" and name and self.forms:
            chosen = of.get("type") not in {"radio", "checkbox"} or "checked" in of
            if chosen and of.get("type") != "file":
                self.forms[-1].fields[name] = value
        elif tag == "button":
            self._button, self._label = (name, value), []

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button is not None and self.forms:
            words = " ".join("".join(self._label).split())
            self.forms[-1].buttons.append((words, *self._button))
            self._button = None

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._button is not None:
            self._label.append(data)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, and from where."""

    url: str
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def text(self) -> str:
        """The page as it was sent, but for the places where a long word may break: it is one word."""
        return self.body.decode().replace("<wbr>", "")

    @property
    def words(self) -> str:
        """What a person reads: the text of the page in one line."""
        return " ".join(" ".join(_Page(self.text).words).split())

    @property
    def location(self) -> str:
        """Where a redirect leads, as a whole address."""
        return urljoin(self.url, self.headers.get("location", ""))

    @property
    def forms(self) -> list[HtmlForm]:
        return _Page(self.text).forms

    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """Keeps cookies, follows redirects, presses buttons."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.cookies: dict[str, str] = {}
        self.headers = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}
        self._on: Answer | None = None

    @property
    def page(self) -> Answer:
        """The page it looks at."""
        assert self._on is not None, "no page was opened yet"
        return self._on

    def ask(
        self,
        method: str,
        address: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return its answer as it is."""
        url = urljoin(self.base_url, address)
        parts = urlsplit(url)
        assert url.startswith(f"{self.base_url}/"), f"{url} is not of this site"
        sent = self.headers | dict(headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = HTTPConnection(parts.netloc, timeout=30)
        try:
            path = f"{parts.path}?{parts.query}".rstrip("?")
            connection.request(method, path, body, sent)
            reply = connection.getresponse()
            answer = Answer(url=url, status=reply.status, headers=reply.msg, body=_body(reply))
        finally:
            connection.close()
        self._keep(answer)
        return answer

    def get(self, address: str) -> Answer:
        """Open a page, wherever redirects lead."""
        return self._follow(self.ask("GET", address))

    def post(self, address: str, form: Mapping[str, str] | None = None) -> Answer:
        """Send a form, and go where the answer leads."""
        return self._follow(self.send(address, form))

    def send(self, address: str, form: Mapping[str, str] | None = None) -> Answer:
        """Send a form as a page of this site would; the answer as it is."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "same-origin",
        }
        return self.ask("POST", address, body=urlencode(form or {}).encode(), headers=headers)

    def turn_to(self, page: Answer) -> None:
        """Look at a page again that is still open in another tab."""
        self._on = page

    def press(self, button: str, *, at: str = "", **typed: str) -> Answer:
        """Press a button of the page it looks at, after filling in its form.

        `at` is a part of the form's address, where several forms have such a button.
        """
        form, name, value = self.find(button, at=at)
        fields = form.fields | typed | ({name: value} if name else {})
        action = urljoin(self.page.url, form.action)
        if form.method == "POST":
            return self.post(action, fields)
        return self.get(f"{action.partition('?')[0]}?{urlencode(fields)}")

    def find(self, button: str, *, at: str = "") -> tuple[HtmlForm, str, str]:
        """Return the form of a button on the page, and what the button adds to it."""
        for form in self.page.forms:
            for words, name, value in form.buttons:
                if words == button and at in form.action:
                    return form, name, value
        there = [words for form in self.page.forms for words, _, _ in form.buttons]
        raise AssertionError(f"{self.page.url} has no button {button!r}, but {there}")

    def api(
        self, method: str, path: str, json_body: object = None, *, token: str | None = None
    ) -> Answer:
        """Ask the API, with the cookies of this browser or as a program with a token."""
        headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        body = None if json_body is None else json.dumps(json_body).encode()
        return self.ask(method, f"/api/v1{path}", body=body, headers=headers)

    def leave_for(self, network: str, typed: str = "", **more: str) -> Answer:
        """Begin to sign in; return the network's own page."""
        return self.post(f"/auth/{network}/start", {"typed": typed, **more})

    def allow(self, who: str) -> Answer:
        """On the page of a simulated network: say who one is, and yes."""
        return self.press("Allow", handle=who)

    def way_back(self, who: str) -> str:
        """Do the same, and return the address it leads to without going there."""
        form, name, value = self.find("Allow")
        return self.send(form.action, {**form.fields, "handle": who, name: value}).location

    def sign_in(self, network: str, who: str, typed: str = "", **more: str) -> Answer:
        """Sign in at a simulated network from beginning to end."""
        self.leave_for(network, typed or who, **more)
        return self.allow(who)

    def _follow(self, answer: Answer) -> Answer:
        for _ in range(_MOST_REDIRECTS):
            if answer.status not in _REDIRECTS:
                self._on = answer
                return answer
            answer = self.ask("GET", answer.location)
        raise AssertionError(f"redirected too often, last to {answer.url}")

    def _keep(self, answer: Answer) -> None:
        for header in answer.headers.get_all("set-cookie", []):
            for name, morsel in SimpleCookie(header).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value


def _body(reply: HTTPResponse) -> bytes:
    """Read the whole of an answer; of a stream, which does not end, the first event."""
    if reply.headers.get_content_type() != "text/event-stream":
        return reply.read()
    lines = (reply.readline() for _ in count())
    return b"".join(takewhile(bool, (line.strip(b"\r\n") for line in lines)))
