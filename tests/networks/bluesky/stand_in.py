"""A small AT Protocol network in one function, for answers that no real server can be made to give.

It knows one account on one server. What a test puts into `answers` is said instead.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx2

from openportability.clock import MovedClock
from openportability.domain import Actor, ActorId, Grant, NetworkName, Purpose, Wanted
from openportability.errors import NetworkError
from openportability.network import Answers, Begun, Network, Proved

ANNA = "did:plc:annaannaannaannaannaanna"
BEA = "did:plc:beabeabeabeabeabeabeabea"
PDS = "https://pds.example.com"
ISSUER = "https://signin.example.com"
PLC = "https://plc.directory"
RESOLVER = "https://resolver.example.com"
RESOLVE = f"{RESOLVER}/xrpc/com.atproto.identity.resolveHandle"
VIEW = "https://view.example.com"
BOTH = "atproto repo:app.bsky.graph.follow?action=create&action=delete"

CALLBACK = "http://127.0.0.1:8000/auth/bluesky/callback"
PROTECTED = f"{PDS}/.well-known/oauth-protected-resource"
ISSUED = f"{ISSUER}/.well-known/oauth-authorization-server"
TOKEN = f"{ISSUER}/token"
WRITE = f"{PDS}/xrpc/com.atproto.repo.applyWrites"
LIST = f"{PDS}/xrpc/com.atproto.repo.listRecords"
STATUS = f"{PDS}/xrpc/com.atproto.sync.getRepoStatus"
CID = "bafyreieiuvhh2cidtrfc2ctxo6nbgrodzo75qqbnlc37hw5rvykaorhz5y"
CAROL = "did:plc:carolcarolcarolcarolcaro"

Answer = Callable[[httpx2.Request], httpx2.Response]


def says(status: int, content: object = None, **headers: str) -> Answer:
    """Return an answer that is always the same."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx2.Response(status, json=content, headers=named)


def times_out(request: httpx2.Request) -> httpx2.Response:
    """Never answer: nobody knows what was done."""
    raise httpx2.ReadTimeout("too late", request=request)


def document(did: str, *, handle: str, pds: str = PDS) -> dict[str, Any]:
    """Return the DID document of an account."""
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": pds}
    return {"id": did, "alsoKnownAs": [f"at://{handle}"], "service": [service]}


def issuer_document(**instead: object) -> dict[str, Any]:
    """Return what the server that signs people in says about itself."""
    return {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "pushed_authorization_request_endpoint": f"{ISSUER}/par",
        "token_endpoint": f"{ISSUER}/token",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "require_pushed_authorization_requests": True,
        "client_id_metadata_document_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["atproto"],
        **instead,
    }


def tokens(**instead: object) -> dict[str, Any]:
    """Return what a token request is answered with."""
    return {
        "access_token": "access-1",
        "refresh_token": "refresh-1",
        "token_type": "DPoP",
        "scope": BOTH,
        "expires_in": 900,
        "sub": ANNA,
        **instead,
    }


@dataclass
class World:
    """The servers, what they were asked, and what they say."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[httpx2.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers = {
            f"{RESOLVER}/xrpc/com.atproto.identity.resolveHandle": self._resolve,
            f"{PLC}/{ANNA}": says(200, document(ANNA, handle="anna.example.com")),
            f"{PDS}/.well-known/oauth-protected-resource": says(
                200, {"resource": PDS, "authorization_servers": [ISSUER]}
            ),
            f"{ISSUER}/.well-known/oauth-authorization-server": says(200, issuer_document()),
            f"{ISSUER}/par": says(201, {"request_uri": "urn:it", "expires_in": 300}),
            f"{ISSUER}/token": says(200, tokens()),
            f"{ISSUER}/revoke": says(200, {}),
            **self.answers,
        }

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.get(str(request.url.copy_with(query=None)).rstrip("?"))
        return answer(request) if answer else httpx2.Response(404, json={"error": "NotFound"})

    def _resolve(self, request: httpx2.Request) -> httpx2.Response:
        known = {"anna.example.com": ANNA, "bea.example.com": BEA}
        if did := known.get(request.url.params["handle"]):
            return httpx2.Response(200, json={"did": did})
        return httpx2.Response(400, json={"error": "HandleNotFound"})

    def asked_at(self, url: str) -> list[httpx2.Request]:
        """Return the requests made to an address."""
        return [r for r in self.asked if str(r.url.copy_with(query=None)).rstrip("?") == url]


def form_of(request: httpx2.Request) -> dict[str, str]:
    """Return the form that was sent."""
    return dict(parse_qsl(request.content.decode()))


def proof_of(request: httpx2.Request) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return header and claims of the proof that was sent."""
    header, claims, _ = request.headers["dpop"].split(".")
    return _decoded(header), _decoded(claims)


def _decoded(part: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(urlsafe_b64decode(part + "=="))
    return found


# --- what the program does there ---


def begin(
    network: Network, typed: str = "anna.example.com", purpose: Purpose = Purpose.FOLLOW
) -> Begun:
    assert network.sign_in
    return network.sign_in.begin(
        typed=typed, purpose=purpose, redirect_uri=CALLBACK, state="opaque", language="fr"
    )


def finish(network: Network, begun: Begun, answer: Mapping[str, str] | None = None) -> Proved:
    assert network.sign_in
    said = {"code": "code-1", "state": "opaque", "iss": ISSUER} if answer is None else answer
    return network.sign_in.finish(secret=begun.secret, answer=said)


def granted(network: Network) -> Grant:
    grant = finish(network, begin(network)).grant
    assert grant
    return grant


def wanted(did: str, record: str | None = None, *, clock: MovedClock) -> Wanted:
    actor = Actor(
        network=NetworkName("bluesky"),
        instance="pds.example.com",
        id=ActorId(did),
        handle="somebody.example.com",
        name="Somebody",
        seen_at=clock.now(),
    )
    return Wanted(actor=actor, record=record)


def writes_of(request: httpx2.Request) -> Sequence[dict[str, object]]:
    writes: Sequence[dict[str, object]] = json.loads(request.content)["writes"]
    return writes


def does_it(request: httpx2.Request) -> httpx2.Response:
    results = [
        {"uri": f"at://{ANNA}/app.bsky.graph.follow/{write['rkey']}", "cid": CID}
        for write in writes_of(request)
    ]
    return httpx2.Response(200, json={"results": results})


def listing(*records: tuple[str, str, str]) -> dict[str, object]:
    return {
        "records": [
            {
                "uri": f"at://{ANNA}/app.bsky.graph.follow/{key}",
                "cid": cid,
                "value": {"subject": subject},
            }
            for key, cid, subject in records
        ]
    }


def lists(*follows: tuple[str, str, str]) -> Answer:
    """Answer with these follows, and with no block."""

    def answered(request: httpx2.Request) -> httpx2.Response:
        block = request.url.params["collection"] == "app.bsky.graph.block"
        return httpx2.Response(200, json=listing() if block else listing(*follows))

    return answered


def code_of(answers: Answers, did: str) -> str:
    answer = answers.of[ActorId(did)]
    assert isinstance(answer, NetworkError)
    return answer.code
