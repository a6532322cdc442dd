"""From a server to the one that signs its people in, with every check the standard asks for.

https://atproto.com/specs/oauth (Authorization Server Metadata)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from openportability.errors import Invalid, Refused, Unavailable
from openportability.networks.bluesky.replies import mapping, text_of, texts_of
from openportability.networks.bluesky.syntax import origin_of
from openportability.outbound import Door

OF_SERVER = "/.well-known/oauth-protected-resource"
OF_ISSUER = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """A server that signs people in, and its addresses."""

    issuer: str
    authorize: str
    push: str
    token: str
    revoke: str
    #: The server of accounts that was asked and named it; empty where it was typed itself.
    pds: str


def issuer_named_by(door: Door, pds: str) -> str:
    """Return the name of the issuer that a server of accounts relies on; `Refused` if it has none."""
    named = _fetch(door, pds + OF_SERVER).get("authorization_servers")
    if not isinstance(named, list) or len(named) != 1 or not isinstance(named[0], str):
        raise Refused("at.no_oauth")
    return named[0]


def issuer_of(door: Door, pds: str) -> Issuer:
    """Return the issuer that a server of accounts relies on. Raise `Refused` if it has none."""
    return _read_issuer(door, issuer_named_by(door, pds), pds)


def issuer_at(door: Door, origin: str) -> Issuer:
    """Return the issuer of a server that a person typed: one of accounts, or one that signs in."""
    try:
        return issuer_of(door, origin)
    except Refused:
        return _read_issuer(door, origin, "")


def _read_issuer(door: Door, issuer: str, pds: str) -> Issuer:
    """Return an issuer whose own description is in order."""
    try:
        if origin_of(issuer) != issuer:
            raise Refused("at.no_oauth")
        found = _fetch(door, issuer + OF_ISSUER)
        if not _is_in_order(found, issuer):
            raise Refused("at.no_oauth")
        return Issuer(
            issuer=issuer,
            authorize=_address(found, issuer, "authorization_endpoint"),
            push=_address(found, issuer, "pushed_authorization_request_endpoint"),
            token=_address(found, issuer, "token_endpoint"),
            revoke=_address(found, issuer, "revocation_endpoint"),
            pds=pds,
        )
    except Invalid:
        raise Refused("at.no_oauth") from None


def _is_in_order(found: Mapping[str, object], issuer: str) -> bool:
    return (
        found.get("issuer") == issuer
        and found.get("require_pushed_authorization_requests") is True
        and found.get("client_id_metadata_document_supported") is True
        and found.get("authorization_response_iss_parameter_supported") is True
        and "S256" in texts_of(found, "code_challenge_methods_supported")
        and "ES256" in texts_of(found, "dpop_signing_alg_values_supported")
        and "atproto" in texts_of(found, "scopes_supported")
    )


def _address(found: Mapping[str, object], issuer: str, key: str) -> str:
    address = text_of(found, key)
    # Tokens and browsers go there: never by plain http where the issuer itself has https.
    if urlsplit(origin_of(address)).scheme != urlsplit(issuer).scheme:
        raise Refused("at.no_oauth")
    return address


def _fetch(door: Door, url: str) -> Mapping[str, object]:
    reply = door.request("GET", url)
    if reply.status >= 500 or reply.status == 429:
        raise Unavailable("at.pds_down")
    if reply.status != 200:
        raise Refused("at.no_oauth")
    return mapping(reply)
