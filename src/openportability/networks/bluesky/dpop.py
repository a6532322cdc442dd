"""Requests bound to a key of their own (DPoP, RFC 9449), with the nonces that servers demand.

A stolen token is worth nothing without the key, and a stolen request nothing without the server's
nonce of the minute.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

from openportability.clock import Clock, micros
from openportability.networks.bluesky.replies import OF_TIME, clock_differs, error_name, time_of
from openportability.outbound import Door, Reply

ALGORITHM = "ES256"
CURVE = "P-256"
#: So many nonces are kept in a process; the oldest are forgotten and cost one more request.
MOST_NONCES = 20_000

#: Makes the form of a token request for a given time: assertions in it are good for one try.
MakeForm = Callable[[datetime], Mapping[str, str]]


def new_key() -> str:
    """Return a fresh private key as JSON."""
    return json.dumps(ECKey.generate_key(CURVE).as_dict(private=True))


def read_key(text: str) -> ECKey:
    """Return the key that `new_key` made."""
    return ECKey.import_key(json.loads(text))


def digest(text: str) -> str:
    """Return the SHA-256 of a text, as OAuth writes it: for PKCE and for the hash of a token."""
    raw = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def seconds(moment: datetime) -> int:
    """Return whole seconds since 1970, the time of all tokens."""
    return micros(moment) // 1_000_000


class Nonces:
    """What each server last told each key, for all threads of this process.

    Losing it costs one request.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = Lock()

    def get(self, key: ECKey, url: str) -> str | None:
        """Return the last nonce of the server at `url`."""
        with self._lock:
            return self._known.get((key.thumbprint(), _origin(url)))

    def put(self, key: ECKey, url: str, nonce: str) -> None:
        """Keep a server's newest nonce."""
        place = key.thumbprint(), _origin(url)
        with self._lock:
            self._known[place] = nonce
            self._known.move_to_end(place)
            if len(self._known) > MOST_NONCES:
                self._known.popitem(last=False)

    def offer(self, key: ECKey, url: str, nonce: str | None) -> None:
        """Keep a nonce from long ago, if nothing newer is known."""
        if nonce and self.get(key, url) is None:
            self.put(key, url, nonce)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to be sent with a proof."""

    method: str
    url: str
    #: Access token, at the server that keeps the records.
    token: str | None = None
    json: object = None
    form: MakeForm | None = None
    #: The service that the server passes it on to, if it is not for itself.
    to: str | None = None


class Prover:
    """Sends requests with a proof of the key."""

    def __init__(self, *, door: Door, clock: Clock, nonces: Nonces) -> None:
        self._door = door
        self._clock = clock
        self.nonces = nonces

    def send(self, key: ECKey, call: Call) -> Reply:
        """Send, and once more if only the nonce or the time was wrong: nothing was done then."""
        now = self._clock.now()
        reply = self._send_at(key, call, now)
        if _says(reply, *OF_TIME) and clock_differs(reply) and (theirs := time_of(reply)):
            # One of the clocks is wrong, so the proof is stale on arrival: say the server's time.
            return self._send_at(key, call, theirs)
        return reply

    def _send_at(self, key: ECKey, call: Call, now: datetime) -> Reply:
        reply = self._send_once(key, call, now)
        if _says(reply, "use_dpop_nonce"):
            return self._send_once(key, call, now)
        return reply

    def _send_once(self, key: ECKey, call: Call, now: datetime) -> Reply:
        headers = {"DPoP": self._proof(key, call, now)}
        if call.token:
            headers["Authorization"] = f"DPoP {call.token}"
        if call.to:
            headers["atproto-proxy"] = call.to
        reply = self._door.request(
            call.method,
            call.url,
            headers=headers,
            json=call.json,
            form=call.form(now) if call.form else None,
        )
        if nonce := reply.headers.get("dpop-nonce"):
            self.nonces.put(key, call.url, nonce)
        return reply

    def _proof(self, key: ECKey, call: Call, now: datetime) -> str:
        claims: dict[str, str | int] = {
            "jti": secrets.token_urlsafe(16),
            "htm": call.method,
            "htu": urlsplit(call.url)._replace(query="", fragment="").geturl(),
            "iat": seconds(now),
        }
        if nonce := self.nonces.get(key, call.url):
            claims["nonce"] = nonce
        if call.token:
            claims["ath"] = digest(call.token)
        header = {"typ": "dpop+jwt", "alg": ALGORITHM, "jwk": key.as_dict(private=False)}
        return jwt.encode(header, claims, key)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _says(reply: Reply, *names: str) -> bool:
    # Servers of accounts challenge with 401, those that sign in with 400.
    return reply.status in (400, 401) and error_name(reply) in names
