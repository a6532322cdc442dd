"""Who we are to a server that signs people in: a site with a key, or a program on somebody's desk.

https://atproto.com/specs/oauth (Clients)
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode

from joserfc import jwt

from openportability.clock import EPOCH
from openportability.errors import SignedOut
from openportability.network import Asked, Cabinet, Context, Document, Served
from openportability.networks.bluesky import scopes
from openportability.networks.bluesky.dpop import ALGORITHM, new_key, read_key, seconds

#: This path and no other lets consent pages show our bare domain instead of a long address.
METADATA_PATH = "/oauth-client-metadata.json"
KEYS_PATH = "/oauth/jwks.json"
ASSERTION_SECONDS = 60
#: For so long new sign-ins use a key; it is published as long before.
KEY_IS_NEW = timedelta(days=180)
#: Grants live two years at most, and each with the key that it began with.
OLD_KEYS = 5
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: A `client_id` that begins so is a program on somebody's desk: it has no key to prove itself with.
DESK = "http://localhost"


class Client:
    """Our side of the sign-in."""

    def __init__(self, context: Context) -> None:
        self._site = context.base_url
        self._callback = f"{context.base_url}/auth/{context.name}/callback"
        self._development = context.development
        self._cabinet: Cabinet = context.cabinet
        self._clock = context.clock

    def client_id(self, *, redirect_uri: str, scope: str) -> str:
        """Return our name. It must stay the same for the life of a grant."""
        if self._development:
            return f"{DESK}?{urlencode({'redirect_uri': redirect_uri, 'scope': scope})}"
        return self._site + METADATA_PATH

    def signing_key(self) -> str:
        """Return which key a sign-in that begins now is proved with, for the life of its grant."""
        return str((self._clock.now() - EPOCH) // KEY_IS_NEW)

    def proof(
        self, *, client_id: str, issuer: str, signing_key: str, now: datetime
    ) -> Mapping[str, str]:
        """Return the fields that say and prove who asks, good for one request.

        Raise `SignedOut` for a grant that does not say which key it lives by.
        """
        if client_id.startswith(DESK):
            return {"client_id": client_id}
        if not signing_key:
            raise SignedOut("at.session_lost")
        key = self._key(signing_key)
        claims: dict[str, str | int] = {
            "iss": client_id,
            "sub": client_id,
            "aud": issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": seconds(now),
            "exp": seconds(now) + ASSERTION_SECONDS,
        }
        header = {"alg": ALGORITHM, "kid": key["kid"]}
        return {
            "client_id": client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode(header, claims, read_key(key["jwk"])),
        }

    def documents(self) -> tuple[Document, ...]:
        """Return the pages that servers fetch to know us and our key."""
        return (
            Document(path=METADATA_PATH, serve=self._serve_metadata),
            Document(path=KEYS_PATH, serve=self._serve_keys),
        )

    def _key(self, number: str) -> Mapping[str, str]:
        return self._cabinet.make_once("", f"signing-key {number}", _new_signing_key)

    def _published(self) -> list[Mapping[str, str]]:
        """Return the next key, so that servers know it in time, today's, and those that grants live by."""
        now = int(self.signing_key())
        older = (self._cabinet.get("", f"signing-key {now - n}") for n in range(1, OLD_KEYS + 1))
        return [self._key(str(now + 1)), self._key(str(now)), *filter(None, older)]

    def _serve_metadata(self, asked: Asked) -> Served:
        return _json(
            {
                "client_id": self._site + METADATA_PATH,
                "client_name": "OpenPortability",
                "client_uri": self._site,
                "policy_uri": f"{self._site}/privacy",
                "redirect_uris": [self._callback],
                "application_type": "web",
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "scope": scopes.ever_asked(),
                "dpop_bound_access_tokens": True,
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": ALGORITHM,
                "jwks_uri": self._site + KEYS_PATH,
            }
        )

    def _serve_keys(self, asked: Asked) -> Served:
        return _json({"keys": [_public(kept) for kept in self._published()]})


def _public(kept: Mapping[str, str]) -> Mapping[str, object]:
    public = read_key(kept["jwk"]).as_dict(private=False)
    return {**public, "kid": kept["kid"], "use": "sig", "alg": ALGORITHM}


def _new_signing_key() -> Mapping[str, str]:
    jwk = new_key()
    return {"jwk": jwk, "kid": read_key(jwk).thumbprint()}


def _json(content: Mapping[str, object]) -> Served:
    return Served(body=json.dumps(content).encode(), media_type="application/json")
