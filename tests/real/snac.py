"""What a person does at a server with the client API of Mastodon (snac), without a browser.

`consent` answers the server's own HTML forms. `Person` is someone signed in with a client of their
own, to look at what our product did for them.
"""

from __future__ import annotations

import secrets
import time
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2

#: Nothing listens there: the redirect is caught.
CALLBACK = "http://127.0.0.1:9/callback"
SCOPES = "read write follow"


def consent(authorize_url: str, user: str, password: str, callback: str) -> str:
    """Answer the forms behind the authorize URL; return where under `callback` it leads."""
    with _client() as http:
        page = http.get(authorize_url)
        asked = 0
        while asked < 2:  # wrong passwords lock an address out: never try again and again
            if page.is_redirect:
                where = urljoin(str(page.url), page.headers["location"])
                if where.startswith(callback):
                    return where
                page = http.get(where)
                continue
            form = _Form(page.text)
            asked += form.wants_password
            if not form.found or asked > 1:
                break
            values = form.filled(user, password)
            page = http.post(
                urljoin(str(page.url), form.action),
                data=values,
                headers={"Referer": str(page.url)},
            )
    raise AssertionError(
        f"no way through the forms: {page.status_code} {page.url} {page.text[:300]}"
    )


def decide(url: str, user: str, password: str, asked_by: str, *, agree: bool) -> None:
    """Approve or discard a request to follow `user`, on their own page; `asked_by` is an actor URI."""
    with _client() as http:
        page = http.get(f"{url}/{user}/people", auth=(user, password))
        asked = page.text.partition("Pending follow confirmations")[2]
        assert f'name="actor" value="{asked_by}"' in asked, (page.status_code, asked_by)
        form = {
            "actor": asked_by,
            "actor-form": "yes",
            "action": "Approve" if agree else "Discard",
        }
        done = http.post(f"{url}/{user}/admin/action", auth=(user, password), data=form)
        assert done.status_code == 303, done.text[:300]


class Person:
    """Someone at a server, signed in with a client of their own."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.user = user
        with _client() as http:
            form = {"client_name": "tests", "redirect_uris": CALLBACK, "scopes": SCOPES}
            app = _json(http.post(f"{url}/api/v1/apps", data=form))
            state = secrets.token_urlsafe(8)
            query = {
                "response_type": "code",
                "client_id": app["client_id"],
                "redirect_uri": CALLBACK,
                "scope": SCOPES,
                "state": state,
            }
            back = consent(f"{url}/oauth/authorize?{urlencode(query)}", user, password, CALLBACK)
            said = parse_qs(urlsplit(back).query)
            assert said["state"] == [state], said
            exchange = {
                "grant_type": "authorization_code",
                "code": said["code"][0],
                "redirect_uri": CALLBACK,
                "client_id": app["client_id"],
                "client_secret": app["client_secret"],
            }
            self.token = str(_json(http.post(f"{url}/oauth/token", data=exchange))["access_token"])

    @property
    def address(self) -> str:
        """user@host, as others write it."""
        return f"{self.user}@{urlsplit(self.url).netloc}"

    def get(self, path: str, **query: str) -> Any:
        """Return the JSON answer of one call."""
        with _client() as http:
            bearer = {"Authorization": f"Bearer {self.token}"}
            return _json(http.get(f"{self.url}{path}", params=query, headers=bearer))

    def follow(self, address: str) -> None:
        """Follow somebody by hand."""
        found = self.get("/api/v2/search", q=f"@{address}", type="accounts", resolve="true")
        bearer = {"Authorization": f"Bearer {self.token}"}
        with _client() as http:
            number = found["accounts"][0]["id"]
            _json(http.post(f"{self.url}/api/v1/accounts/{number}/follow", headers=bearer))

    def me(self) -> dict[str, Any]:
        mine: dict[str, Any] = self.get("/api/v1/accounts/verify_credentials")
        return mine

    def following(self) -> list[str]:
        """Return the addresses of whom they follow; the server lists them some seconds late."""
        return self._listed("following")

    def followers(self) -> list[str]:
        return self._listed("followers")

    def _listed(self, which: str) -> list[str]:
        listed = self.get(f"/api/v1/accounts/{self.me()['id']}/{which}", limit="80")
        here = urlsplit(self.url).netloc
        names = [str(each["acct"]) for each in listed]
        return [name if "@" in name else f"{name}@{here}" for name in names]

    def await_following(self, address: str, *, seconds: float = 20) -> bool:
        """Return whether they come to follow someone within the time that delivery takes."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if address in self.following():
                return True
            time.sleep(0.2)
        return False


class _Form(HTMLParser):
    """The first form of a page that is sent by POST, and its fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.found = False
        self._inside = False
        self._fields: dict[str, tuple[str, str]] = {}
        self.feed(page)

    @property
    def wants_password(self) -> bool:
        return any(kind == "password" for kind, _ in self._fields.values())

    def filled(self, user: str, password: str) -> dict[str, str]:
        """Return what a person would send: name and password where asked, else as it came."""
        values = {name: value for name, (_, value) in self._fields.items()}
        for name, (kind, _) in self._fields.items():
            if kind == "password":
                values[name] = password
            elif kind == "email" or name in {"username", "email", "login"}:
                values[name] = user
        return values

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.found and given.get("method", "").lower() == "post":
            self.found = self._inside = True
            self.action = given.get("action", "")
        elif tag in {"input", "button"} and self._inside and given.get("name"):
            kind = given.get("type", "text")
            # Of buttons with one name, the first is the one that agrees.
            self._fields.setdefault(given["name"], (kind, given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def _client() -> httpx2.Client:
    """Keep no connections: snac closes idle ones without a word, and the next call would fail.

    Nothing is verified: all is plain http, and reading the trusted certificates takes 30 ms.
    """
    limits = httpx2.Limits(max_keepalive_connections=0)
    return httpx2.Client(timeout=30, limits=limits, verify=False)


def _json(answer: httpx2.Response) -> Any:
    assert answer.status_code == 200, (answer.url, answer.status_code, answer.text[:300])
    return answer.json()
