"""The real servers of lab/ run, and a person gets through their pages without a browser."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from lab import servers
from tests.real import pds, snac


def test_a_new_person_at_the_pds_follows_nobody(atproto: servers.Atproto) -> None:
    (home,) = atproto.pds
    handle = pds.new_handle()
    did = pds.create_account(home, handle)
    document = httpx2.get(f"{atproto.plc}/{did}").json()
    assert document["alsoKnownAs"] == [f"at://{handle}"]
    assert pds.follows(home, did) == []


def test_a_person_agrees_or_refuses_on_the_pages_of_the_pds(atproto: servers.Atproto) -> None:
    (home,) = atproto.pds
    handle = pds.new_handle()
    pds.create_account(home, handle)
    agreed = pds.consent(_ask_to_sign_in(home), handle)
    refused = pds.consent(_ask_to_sign_in(home), handle, agree=False)
    assert "code" in parse_qs(urlsplit(agreed).query)
    assert parse_qs(urlsplit(refused).query)["error"] == ["access_denied"]


def test_people_of_two_snac_servers_sign_in_through_their_forms(
    snacs: tuple[servers.Snac, servers.Snac],
) -> None:
    for server in snacs:
        alice = snac.Person(server.url, "alice", server.passwords["alice"])
        assert alice.me()["username"] == "alice"
        assert alice.following() == []


def _ask_to_sign_in(home: str) -> str:
    """Push an authorization request as a client on loopback does; return where the browser goes."""
    meta = httpx2.get(f"{home}/.well-known/oauth-authorization-server").json()
    callback = "http://127.0.0.1:9/callback"
    client = {"redirect_uri": callback, "scope": "atproto"}
    client_id = f"http://localhost?{urlencode(client)}"
    challenge = hashlib.sha256(secrets.token_bytes(32)).digest()
    form = {
        "client_id": client_id,
        "response_type": "code",
        **client,
        "state": secrets.token_urlsafe(8),
        "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    where = meta["pushed_authorization_request_endpoint"]
    key = ECKey.generate_key("P-256")
    nonce: dict[str, str] = {}
    for _ in range(2):  # the first is always answered with the nonce to use
        claims = {"jti": secrets.token_hex(8), "htm": "POST", "htu": where, "iat": int(time.time())}
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
        proof = jwt.encode(header, {**claims, **nonce}, key)
        answer = httpx2.post(where, data=form, headers={"DPoP": proof})
        nonce = {"nonce": answer.headers["dpop-nonce"]}
    assert answer.status_code == 201, answer.text
    query = {"client_id": client_id, "request_uri": answer.json()["request_uri"]}
    return f"{meta['authorization_endpoint']}?{urlencode(query)}"
