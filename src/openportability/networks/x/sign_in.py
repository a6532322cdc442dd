"""Proof of an X identity: OAuth 2.0 with PKCE, one billed look at who it is, then no token at all.

The flow and its prices are told in README.md. Nothing of X's is kept but the number and the name.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from openportability import outbound
from openportability.domain import Actor, ActorId, Grant, Purpose
from openportability.errors import Invalid, NetworkError, Refused, Throttled, Unavailable
from openportability.network import Begun, Context, Field, Proved
from openportability.outbound import Reply

INSTANCE = "x.com"
#: The least that `GET /2/users/me` takes.
SCOPES = "users.read tweet.read"
#: How long this process offers no X sign-in after X said that we have no credit or no right.
PAUSE = timedelta(hours=1)
#: What is billed and counted: looks at who somebody is.
LOOKS = "looks"

#: Problem types of X, and errors of OAuth, that no person signing in can cause.
_ABOUT_US = frozenset(
    {
        *("client-forbidden", "unsupported-authentication", "usage-capped"),
        *("invalid_client", "unauthorized_client"),
    }
)
_ID = re.compile(r"[1-9][0-9]{0,19}")
_HANDLE = re.compile(r"[A-Za-z0-9_]{1,20}")


class SignInWithX:
    """Sign-in with the operator's key: confidential with a client secret, public without."""

    field: Field | None = None

    def __init__(self, context: Context, *, most: int) -> None:
        self._context = context
        self._client_id = context.options["CLIENT_ID"]
        self._client_secret = context.options["CLIENT_SECRET"]
        self._authorize_url = context.options["AUTHORIZE_URL"]
        self._api_url = context.options["API_URL"].rstrip("/")
        self._most = most
        self._paused_until: datetime | None = None

    def begin(
        self, *, typed: str, purpose: Purpose, redirect_uri: str, state: str, language: str
    ) -> Begun:
        """Send the browser to X. Nothing is typed, and X knows one purpose only."""
        if self._paused_until and self._context.clock.now() < self._paused_until:
            raise Unavailable("x.paused")
        now = self._context.clock.now()
        if self._context.cabinet.spent(LOOKS, now.date()) >= self._most:
            raise _used_up(now)
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._client_id,
                "redirect_uri": redirect_uri,
                "scope": SCOPES,
                "state": state,
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            },
            quote_via=quote,
        )
        return Begun(
            url=f"{self._authorize_url}?{query}",
            secret={"verifier": verifier, "redirect_uri": redirect_uri},
        )

    def finish(self, *, secret: Mapping[str, str], answer: Mapping[str, str]) -> Proved:
        """Exchange the code at once (it lives 30 seconds), look once, and end the token."""
        if answer.get("error"):
            raise Invalid("auth.denied")
        if not answer.get("code"):
            raise Invalid("x.empty")  # seen with accounts that use two factors
        token = self._token(answer["code"], secret)
        try:
            actor = self._who(token)
        finally:
            self._end(token)
        return Proved(actor=actor, grant=None)

    def refresh(self, grant: Grant) -> Grant:
        """Return the grant as it is: none is ever kept."""
        return grant

    def look(self, grant: Grant, known: Actor) -> Actor:
        """Return who is known: without a token nobody can be asked."""
        return known

    def revoke(self, grant: Grant) -> None:
        """Do nothing: the token was revoked when the sign-in ended."""

    def _token(self, code: str, secret: Mapping[str, str]) -> str:
        reply = self._post(
            "/2/oauth2/token",
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": secret["redirect_uri"],
                "code_verifier": secret["verifier"],
            },
        )
        if reply.status == 400 and not _is_about_us(reply):  # late, used, or of another sign-in
            raise Invalid("auth.expired")
        self._raise_for(reply)
        token = _object(reply).get("access_token")
        if not isinstance(token, str) or not token:
            raise Unavailable("net.unavailable")
        return token

    def _who(self, token: str) -> Actor:
        reply = self._me(token)
        if reply.status >= 500:
            reply = self._me(token)
        self._raise_for(reply)
        # A 200 may hold `errors` beside `data`, or no `data`.
        person = _object(reply).get("data")
        if not isinstance(person, dict):
            raise Unavailable("net.unavailable")
        number, handle = person.get("id"), person.get("username")
        if not _is_id(number) or not isinstance(handle, str) or not _HANDLE.fullmatch(handle):
            raise Unavailable("net.unavailable")
        return Actor(
            network=self._context.name,
            instance=INSTANCE,
            id=ActorId(str(number)),
            handle=handle,
            name=handle,  # the display name is not ours to keep
            seen_at=self._context.clock.now(),
        )

    def _me(self, token: str) -> Reply:
        """Look once. It is counted first: who is killed meanwhile may have been billed."""
        now = self._context.clock.now()
        if not self._context.cabinet.spend(LOOKS, now.date(), self._most):
            raise _used_up(now)
        return self._context.door.request(
            "GET",
            f"{self._api_url}/2/users/me",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        )

    def _end(self, token: str) -> None:
        """Revoke the token; whatever X answers, we forget it."""
        try:
            self._post("/2/oauth2/revoke", {"token": token, "token_type_hint": "access_token"})
        except NetworkError:
            return

    def _post(self, path: str, form: dict[str, str]) -> Reply:
        headers = {"Accept": "application/json"}
        if self._client_secret:
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form = {**form, "client_id": self._client_id}
        return self._context.door.request(
            "POST", f"{self._api_url}{path}", headers=headers, form=form, fresh=True
        )

    def _raise_for(self, reply: Reply) -> None:
        """Raise what a status other than 200 means: only what is about our key is everybody's."""
        match reply.status:
            case 200:
                return
            case status if 400 <= status < 500 and _is_about_us(reply):
                raise self._paused()
            case 429:
                until = outbound.reset_time(reply.headers, self._context.clock.now())
                raise Throttled(until, "x.throttled")
            case 401 | 403:
                raise Refused("x.refused")
            case _:
                raise Unavailable("net.unavailable")

    def _paused(self) -> Unavailable:
        """Close this door for a while, so that people are led to their archive at once."""
        self._paused_until = self._context.clock.now() + PAUSE
        return Unavailable("x.paused")


def _used_up(now: datetime) -> Throttled:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return Throttled(midnight, "x.ceiling")


def _object(reply: Reply) -> Mapping[str, object]:
    found = reply.json()
    if not isinstance(found, dict):
        raise Unavailable("net.unavailable")
    return found


def _is_id(number: object) -> bool:
    return isinstance(number, str) and bool(_ID.fullmatch(number)) and int(number) < 2**64


def _is_about_us(reply: Reply) -> bool:
    """Tell whether a refusal is about our key, its credit or its plan: whoever comes next meets it too."""
    if reply.status == 402:
        return True
    try:
        found = _object(reply)
    except NetworkError:
        return False
    names = [name for key in ("type", "error") if isinstance(name := found.get(key), str)]
    return not _ABOUT_US.isdisjoint(name.rstrip("/").rpartition("/")[2] for name in names)
