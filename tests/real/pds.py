"""What a person does at their PDS: make an account, sign in and consent, look at whom they follow.

`consent` goes through the provider's pages by the calls which those pages make, so a whole
authorization runs against the real server in 0.3 s, without a browser. Clients do not verify: all
is plain http here, and reading the trusted certificates takes 30 ms each time.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

import httpx2

PASSWORD = "a-password-for-tests"
FOLLOW = "app.bsky.graph.follow"


def create_account(pds: str, handle: str) -> str:
    """Return the DID of a new account. Handles end in `.test` and begin with 3 letters or more."""
    answer = httpx2.post(
        f"{pds}/xrpc/com.atproto.server.createAccount",
        json={
            "handle": handle,
            "email": f"{handle.replace('.', '-')}@mail.test",
            "password": PASSWORD,
        },
        timeout=30,
        verify=False,
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["did"])


def new_handle(name: str = "person") -> str:
    """Return a handle nobody has, so that tests can share a server."""
    return f"{name}-{secrets.token_hex(4)}.test"


def made_up_did() -> str:
    """Return a DID that is well formed and nobody's; a PDS lets people follow it all the same."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    return "did:plc:" + "".join(secrets.choice(letters) for _ in range(24))


def consent(authorize_url: str, handle: str, *, agree: bool = True) -> str:
    """Sign in and agree (or refuse); return the address that the browser is then sent to."""
    with httpx2.Client(timeout=30, verify=False) as http:
        return _Visit(http, authorize_url).answer(handle, agree=agree)


def follows(pds: str, did: str, collection: str = FOLLOW) -> list[str]:
    """Return whom an account follows (or what else there is), newest first, as its public repository says."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        query = {"repo": did, "collection": collection, "limit": "100"}
        if cursor:
            query["cursor"] = cursor
        answer = httpx2.get(
            f"{pds}/xrpc/com.atproto.repo.listRecords", params=query, timeout=30, verify=False
        )
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [record["value"]["subject"] for record in page["records"]]
        cursor = page.get("cursor")
        # The last page may be empty and still come after a cursor.
        if not cursor or not page["records"]:
            return found


def subject_of(pds: str, did: str, key: str) -> str | None:
    """Return whom the follow with a record key is of; None where there is none."""
    query = {"repo": did, "collection": FOLLOW, "rkey": key}
    url = f"{pds}/xrpc/com.atproto.repo.getRecord"
    answer = httpx2.get(url, params=query, timeout=30, verify=False)
    return str(answer.json()["value"]["subject"]) if answer.status_code == 200 else None


class _Visit:
    """One browser at the provider's pages.

    The cookies are kept here: they are Secure, and the client would not send them over http.
    """

    def __init__(self, http: httpx2.Client, authorize_url: str) -> None:
        self.http = http
        self.authorize_url = authorize_url
        parts = urlsplit(authorize_url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.cookies: dict[str, str] = {}

    def answer(self, handle: str, *, agree: bool) -> str:
        page = self._navigate(self.authorize_url, site="none")
        if page.is_redirect:  # an error, or nothing to ask
            return page.headers["location"]
        person = {"locale": "en", "username": handle, "password": PASSWORD, "remember": False}
        signed_in = self._call("sign-in", person)
        if agree:
            bearer = {"Authorization": f"Bearer {signed_in['ephemeralToken']}"}
            said = self._call("consent", {"did": signed_in["account"]["did"]}, **bearer)
        else:
            said = self._call("reject", {})
        return self._navigate(said["url"], site="same-origin").headers["location"]

    def _navigate(self, url: str, *, site: str) -> httpx2.Response:
        headers = {
            "Sec-Fetch-Site": site,
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        }
        if site != "none":
            headers["Referer"] = self.authorize_url
        return self._send(self.http.build_request("GET", url, headers=headers))

    def _call(self, name: str, body: dict[str, object], **more: str) -> dict[str, Any]:
        headers = {
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Mode": "same-origin",
            "Sec-Fetch-Dest": "empty",
            "Origin": self.origin,
            "Referer": self.authorize_url,
            "x-csrf-token": self.cookies["csrf-token"],
            **more,
        }
        url = f"{self.origin}/@atproto/oauth-provider/~api/{name}"
        answer = self._send(self.http.build_request("POST", url, json=body, headers=headers))
        said: dict[str, Any] = answer.json()
        return said

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        answer = self.http.send(request)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        assert answer.status_code < 400, (request.url, answer.status_code, answer.text[:300])
        return answer
