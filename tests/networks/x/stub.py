"""X as its documents tell it: the four endpoints that a sign-in meets, strict where X is.

Codes live 30 seconds and work once, PKCE and the redirect address are checked, a confidential
client authenticates in a header, a revoked token is dead.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from openportability.clock import Clock
from tests.networks.stand_in import Question, Said

CODE_LIVES = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Code:
    number: str
    redirect_uri: str
    challenge: str
    scopes: frozenset[str]
    made_at: datetime


@dataclass(kw_only=True)
class XStub:
    """Its state is plain: tests read it, and change it to make trouble."""

    clock: Clock
    client_id: str = "our-id"
    #: Empty for a public client.
    client_secret: str = "our: secret/+"
    redirect_uri: str
    signed_in: str = "1234567890123456789"
    agrees: bool = True
    #: Handles by number.
    people: dict[str, str] = field(default_factory=lambda: {"1234567890123456789": "alice_x"})
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    #: Replies given instead, in turn, by the end of a path.
    faults: dict[str, list[Said]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def fail(self, path: str, *said: Said) -> None:
        """Answer the next questions to a path with these."""
        self.faults.setdefault(path, []).extend(said)

    def consent(self, url: str) -> Mapping[str, str]:
        """Let the person agree on X's page; return the callback's query."""
        parts = urlsplit(url)
        query = {name: [value] for name, value in parse_qsl(parts.query, keep_blank_values=True)}
        said = self(Question(method="GET", path=parts.path, query=query, form={}, headers={}))
        assert said.status == 302, said.body
        return dict(parse_qsl(urlsplit(said.headers["location"]).query))

    def __call__(self, question: Question) -> Said:
        self.asked.append(f"{question.method} {question.path}")
        for end, waiting in self.faults.items():
            if waiting and question.path.endswith(end):
                return waiting.pop(0)
        match question.method, question.path:
            case "GET", "/i/oauth2/authorize":
                return self._authorize(question)
            case "POST", "/2/oauth2/token":
                return self._token(question)
            case "POST", "/2/oauth2/revoke":
                return self._revoke(question)
            case "GET", "/2/users/me":
                return self._me(question)
        return Said(status=404, body={"title": "Not Found", "type": "about:blank"})

    def _authorize(self, question: Question) -> Said:
        sound = (
            question.value("client_id") == self.client_id
            and question.value("redirect_uri") == self.redirect_uri
            and question.value("response_type") == "code"
            and question.value("code_challenge_method") == "S256"
            and question.value("code_challenge")
            and 0 < len(question.value("state")) <= 500
        )
        if not sound:
            return Said(status=400, body="<h1>Something went wrong</h1>")
        back = {"state": question.value("state")}
        if self.agrees:
            back["code"] = secrets.token_hex(8)
            self.codes[back["code"]] = Code(
                number=self.signed_in,
                redirect_uri=question.value("redirect_uri"),
                challenge=question.value("code_challenge"),
                scopes=frozenset(question.value("scope").split()),
                made_at=self.clock.now(),
            )
        else:
            back["error"] = "access_denied"
        return Said(status=302, headers={"location": f"{self.redirect_uri}?{urlencode(back)}"})

    def _token(self, question: Question) -> Said:
        if not self._knows_client(question):
            return Said(status=401, body={"error": "unauthorized_client"})
        code = self.codes.pop(question.value("code"), None)
        digest = hashlib.sha256(question.value("code_verifier").encode()).digest()
        if (
            code is None
            or question.value("grant_type") != "authorization_code"
            or self.clock.now() - code.made_at > CODE_LIVES
            or code.redirect_uri != question.value("redirect_uri")
            or code.challenge != base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        ):
            return Said(status=400, body={"error": "invalid_request"})
        token = secrets.token_hex(8)
        self.tokens[token] = (code.number, code.scopes)
        scope = " ".join(sorted(code.scopes))
        return Said(body={"token_type": "bearer", "access_token": token, "scope": scope})

    def _revoke(self, question: Question) -> Said:
        if not self._knows_client(question):
            return Said(status=401, body={"error": "unauthorized_client"})
        self.tokens.pop(question.value("token"), None)
        return Said(body={"revoked": True})

    def _knows_client(self, question: Question) -> bool:
        if not self.client_secret:
            return question.value("client_id") == self.client_id
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        pair = urlencode([(self.client_id, self.client_secret)]).replace("=", ":", 1)
        wanted = f"Basic {base64.b64encode(pair.replace('+', '%20').encode()).decode()}"
        return question.headers.get("authorization", "") == wanted

    def _me(self, question: Question) -> Said:
        number, scopes = self.tokens.get(question.bearer, ("", frozenset[str]()))
        if not number:
            return Said(status=401, body={"title": "Unauthorized", "type": "about:blank"})
        if scopes != {"users.read", "tweet.read"}:  # less is refused, more was never needed
            return Said(status=403, body={"title": "Forbidden", "type": "about:blank"})
        handle = self.people[number]
        return Said(body={"data": {"id": number, "name": "A display name", "username": handle}})
