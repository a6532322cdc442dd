"""A site with a public https address signs people in with a key of its own, which servers fetch."""

from __future__ import annotations

import json
import ssl
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lab import servers
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import Purpose
from openportability.errors import Invalid, Misconfigured, SignedOut
from openportability.network import Asked, Begun, Network, Proved
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.people import Person, new_person, planned, ties
from tests.networks.bluesky.stand_in import ISSUER, World, form_of
from tests.networks.bluesky.workers import Watched, both_at_once, two_workers
from tests.networks.subject import MemoryCabinet
from tests.real import pds

#: A name with a dot and an ending that servers do not take for one of this machine.
HOST = "site.lab.internal"
SITE = "https://op.example.com"
METADATA = "/oauth-client-metadata.json"
KEYS = "/oauth/jwks.json"
ANSWER = {"code": "c", "iss": ISSUER}


def served(network: Network, path: str) -> dict[str, Any]:
    (document,) = [document for document in network.documents if document.path == path]
    answer = document.serve(Asked(method="GET", query={}, form={}))
    assert answer.media_type == "application/json"
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_the_metadata_is_what_servers_demand(load: Load) -> None:
    found = served(load(base_url=SITE), METADATA)
    assert found["client_id"] == SITE + METADATA
    assert found["client_uri"] == SITE
    assert found["redirect_uris"] == [f"{SITE}/auth/bluesky/callback"]
    assert found["jwks_uri"] == SITE + KEYS
    assert found["dpop_bound_access_tokens"] is True
    assert set(found["scope"].split()) >= {"atproto"}


def test_the_published_key_is_public_and_stays(load: Load) -> None:
    network = load(base_url=SITE)
    keys = served(network, KEYS)["keys"]
    assert len(keys) == 2  # today's, and the next
    assert not [key for key in keys if "d" in key]
    assert {key["alg"] for key in keys} == {"ES256"}
    assert served(network, KEYS)["keys"] == keys


def test_keys_are_replaced_by_ones_long_known_and_stay_as_long_as_grants(
    load: Load, clock: MovedClock
) -> None:
    world = World()
    network = load(transport=httpx2.MockTransport(world), base_url=SITE)
    assert network.sign_in
    published, used, grants = [], [], []
    for _ in range(8):
        published.append([key["kid"] for key in served(network, KEYS)["keys"]])
        begun = _begun(network)
        used.append(_signed_with(world, "par"))
        proved = _finished(network, begun, ANSWER)
        assert _signed_with(world, "token") == used[-1]
        grants.append(proved.grant)
        clock.forward(days=180)
    assert len(set(used)) == 8
    # Each was known before it was used, and is for two years and more afterwards.
    assert all(kid in published[n - 1] for n, kid in enumerate(used) if n)
    assert all(kid in published[n + 5] for n, kid in enumerate(used[:3]))
    assert used[0] not in published[6]
    assert grants[3]
    network.sign_in.refresh(grants[3])
    assert _signed_with(world, "token") == used[3]


def _signed_with(world: World, path: str) -> str:
    form = form_of(world.asked_at(f"{ISSUER}/{path}")[-1])
    header = json.loads(urlsafe_b64decode(form["client_assertion"].partition(".")[0] + "=="))
    return str(header["kid"])


def test_each_request_is_signed_anew_with_that_key(load: Load) -> None:
    world = World()
    network = load(transport=httpx2.MockTransport(world), base_url=SITE)
    begun = _begun(network)
    _finished(network, begun, ANSWER)
    forms = [form_of(world.asked_at(f"{ISSUER}/{path}")[0]) for path in ("par", "token")]
    assert {form["client_id"] for form in forms} == {SITE + METADATA}
    assert len({form["client_assertion"] for form in forms}) == 2


def test_a_laptop_must_not_call_itself_localhost(load: Load) -> None:
    with pytest.raises(Misconfigured):
        load(base_url="http://localhost:8000")


def test_a_grant_that_says_no_signing_key_is_signed_out(load: Load) -> None:
    world = World()
    network = load(transport=httpx2.MockTransport(world), base_url=SITE)
    assert network.sign_in
    begun = _begun(network)
    grant = _finished(network, begun, ANSWER).grant
    assert grant
    older = {name: value for name, value in grant.secret.items() if name != "signing_key"}
    for ask in (network.sign_in.refresh, network.sign_in.revoke):
        with pytest.raises(SignedOut) as lost:
            ask(replace(grant, secret=older))
        assert lost.value.code == "at.session_lost"


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_confidential_site_signs_in_follows_refreshes_and_revokes_at_a_real_pds(
    db: Database, load: Load, clock: MovedClock, tmp_path: Path
) -> None:
    documents: dict[str, Any] = {}
    with (
        https_site(tmp_path, documents) as (site, authority),
        servers.atproto("--hosts", HOST, "--moved-clock", extra_ca=authority) as net,
    ):
        cabinet = MemoryCabinet()

        def loaded(way: Watched) -> Network:
            return load(
                transport=way, base_url=site, plc=net.plc, resolver="", view="", cabinet=cabinet
            )

        first, second = two_workers(db, clock, loaded)
        (network,) = first.site.networks.values()
        documents |= {path: served(network, path) for path in (METADATA, KEYS)}
        person = new_person(net.pds[0])
        for agrees, code in ((False, "auth.denied"), (True, "auth.expired")):
            begun, answer = _consented(network, site, person, agrees=agrees)
            net.an_hour_passes()
            clock.forward(hours=1)
            with pytest.raises(Invalid) as refused:
                _finished(network, begun, answer)
            assert refused.value.code == code
        account = first.holds(_finished(network, *_consented(network, site, person)))
        net.an_hour_passes()
        clock.forward(hours=1)
        first.way.ended.clear()
        one, other = both_at_once(first, second, account)
        assert one.secret == other.secret
        # The server has changed its nonce: refused once, and done once.
        assert first.way.ended == [(400, "use_dpop_nonce"), (200, "")]
        assert second.way.ended == []
        assert network.sign_in
        assert network.destination
        rows = planned(network.destination, 2)
        fresh = network.sign_in.refresh(other)
        ties(network.destination.follow(fresh, rows[:1]))
        assert pds.follows(person.home, person.did) == [rows[0].actor.id]
        network.sign_in.revoke(fresh)
        with pytest.raises(SignedOut):
            network.destination.follow(fresh, rows[1:])


def _begun(
    network: Network,
    site: str = SITE,
    typed: str = "anna.example.com",
    purpose: Purpose = Purpose.IDENTIFY,
) -> Begun:
    assert network.sign_in
    back = f"{site}/auth/bluesky/callback"
    return network.sign_in.begin(
        typed=typed, purpose=purpose, redirect_uri=back, state="opaque", language="en"
    )


def _consented(
    network: Network, site: str, person: Person, *, agrees: bool = True
) -> tuple[Begun, Mapping[str, str]]:
    begun = _begun(network, site, person.did, Purpose.FOLLOW)
    back = pds.consent(begun.url, person.handle, agree=agrees)
    return begun, dict(parse_qsl(urlsplit(back).query))


def _finished(network: Network, begun: Begun, answer: Mapping[str, str]) -> Proved:
    assert network.sign_in
    return network.sign_in.finish(secret=begun.secret, answer=answer)


@contextmanager
def https_site(folder: Path, documents: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    """Serve documents over TLS; yield the site's address and the file of its authority."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = documents.get(self.path)
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority = make_certificates(folder)
        tls.load_cert_chain(folder / "site.pem")
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://{HOST}:{server.server_port}", authority
        finally:
            server.shutdown()
            thread.join()


def make_certificates(folder: Path) -> Path:
    """Make an authority and a certificate of the site; return the authority's file."""
    ca, ca_key = certificate("A test's own authority")
    leaf, key = certificate(HOST, signer=(ca, ca_key))
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "site.pem").write_bytes(private + leaf.public_bytes(pem))
    (folder / "authority.pem").write_bytes(ca.public_bytes(pem))
    return folder / "authority.pem"


def certificate(
    name: str, signer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return a certificate and its key: an authority, or signed by one."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        issuer_name=signer[0].subject if signer else subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(hours=1),
        not_valid_after=now + timedelta(days=1),
    ).add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
    if signer:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer[1] if signer else key, hashes.SHA256()), key
