"""Who we are to a server that signs people in: a site with a key, or a program on somebody's desk.

https://atproto.com/specs/oauth (Clients)
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from joserfc import jwt

from openportability.network import Asked, Cabinet, Context, Document, Served
from openportability.networks.bluesky import scopes
from openportability.networks.bluesky.dpop import ALGORITHM, new_key, read_key, seconds

#: This path and no other lets consent pages show our bare domain instead of a long address.
METADATA_PATH = "/oauth-client-metadata.json"
KEYS_PATH = "/oauth/jwks.json"
ASSERTION_SECONDS = 60
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

    def client_id(self, *, redirect_uri: str, scope: str) -> str:
        """Return our name. It must stay the same for the life of a grant."""
        if self._development:
            return f"{DESK}?{urlencode({'redirect_uri': redirect_uri, 'scope': scope})}"
        return self._site + METADATA_PATH

    def proof(self, *, client_id: str, issuer: str, now: datetime) -> Mapping[str, str]:
        """Return the fields that say and prove who asks, good for one request."""
        if client_id.startswith(DESK):
            return {"client_id": client_id}
        key = self._signing_key()
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

    def _signing_key(self) -> Mapping[str, str]:
        return self._cabinet.make_once("", "signing-key", _new_signing_key)

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
        kept = self._signing_key()
        public = read_key(kept["jwk"]).as_dict(private=False)
        return _json({"keys": [{**public, "kid": kept["kid"], "use": "sig", "alg": ALGORITHM}]})


def _new_signing_key() -> Mapping[str, str]:
    jwk = new_key()
    return {"jwk": jwk, "kid": read_key(jwk).thumbprint()}


def _json(content: Mapping[str, object]) -> Served:
    return Served(body=json.dumps(content).encode(), media_type="application/json")
