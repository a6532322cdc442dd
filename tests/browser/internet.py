"""The servers of three real networks behind their names, for our side and for a browser; each can be away.

What a server does while it is there is told by the stand-ins of its network. What people see of all three is served on
loopback, where a browser finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import httpx2

from tests.networks.bluesky.stand_in import (
    ISSUER,
    PDS,
    PROTECTED,
    Answer,
    World,
    form_of,
    issuer_document,
    says,
)
from tests.networks.mastodon.strict import StrictServer
from tests.networks.stand_in import Question, Said, transport
from tests.networks.x.stub import XStub

X_API = "https://api.x.example"


def nameless(request: httpx2.Request) -> httpx2.Response:
    """Have no address that anybody finds."""
    raise httpx2.ConnectError("no such host", request=request)


@dataclass(kw_only=True)
class Internet:
    """Who answers to which name."""

    mastodon: StrictServer
    x: XStub
    bluesky: World = field(default_factory=World)
    #: Where Bluesky signs people in.
    issuer: str = ISSUER
    #: What is said instead, by the address of the server.
    _away: dict[str, Answer] = field(default_factory=dict)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer our side."""
        host = request.url.netloc.decode()
        away = self._away.get(f"{request.url.scheme}://{host}")
        if away:
            return away(request)
        behind: dict[str, Callable[[Question], Said]] = {
            self.mastodon.host: self.mastodon,
            urlsplit(X_API).netloc: self.x,
        }
        if host in behind:
            return transport(behind).handle_request(request)
        return self.bluesky(request)

    def show(self, question: Question) -> Said:
        """Answer a browser, whose person allows whatever is asked."""
        match question.path:
            case "/oauth/authorize":
                return self.mastodon(question)
            case "/i/oauth2/authorize":
                return self.x(question)
        asked = form_of(self.bluesky.asked_at(f"{self.issuer}/par")[-1])
        answer = urlencode({"code": "code-1", "state": asked["state"], "iss": self.issuer})
        return Said(status=302, headers={"location": f"{asked['redirect_uri']}?{answer}"})

    def lies_at(self, url: str, issuer: str) -> None:
        """Let people be asked at these addresses: for Mastodon and X, and for Bluesky."""
        self.mastodon.host = url.removeprefix("http://")
        self.issuer = issuer
        answers = self.bluesky.answers
        for path in ("/par", "/token", "/revoke"):
            answers[f"{issuer}{path}"] = answers[f"{ISSUER}{path}"]
        at_home = {"resource": PDS, "authorization_servers": [issuer]}
        answers[PROTECTED] = says(200, at_home)
        told = {
            name: value.replace(ISSUER, issuer) if isinstance(value, str) else value
            for name, value in issuer_document().items()
        }
        answers[f"{issuer}/.well-known/oauth-authorization-server"] = says(200, told)

    @contextmanager
    def without(self, how: Answer, server: str) -> Iterator[None]:
        """Let a server be away for a while."""
        self._away[server] = how
        yield
        del self._away[server]
