"""Signing in where a server, or whoever speaks for one, does not do as the standard says."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from openportability.clock import MovedClock
from openportability.errors import (
    Invalid,
    NetworkError,
    Refused,
    Unavailable,
)
from openportability.network import Network
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.stand_in import (
    ANNA,
    BEA,
    ISSUED,
    ISSUER,
    PDS,
    PLC,
    PROTECTED,
    RESOLVER,
    TOKEN,
    Answer,
    World,
    begin,
    document,
    finish,
    form_of,
    granted,
    issuer_document,
    proof_of,
    says,
    tokens,
)

# --- what goes out ---


def test_only_our_name_and_the_request_travel_with_the_browser(
    network: Network, world: World
) -> None:
    begun = begin(network)
    sent = parse_qs(urlsplit(begun.url).query)
    assert begun.url.startswith(f"{ISSUER}/authorize?")
    assert sent.keys() == {"client_id", "request_uri"}
    pushed = form_of(world.asked_at(f"{ISSUER}/par")[0])
    assert pushed["login_hint"] == "anna.example.com"
    assert pushed["code_challenge_method"] == "S256"
    assert pushed["state"] == "opaque"
    assert pushed["ui_locales"] == "fr"


def test_who_typed_a_server_says_there_who_they_are(network: Network, world: World) -> None:
    begin(network, typed=PDS)
    assert "login_hint" not in form_of(world.asked_at(f"{ISSUER}/par")[0])


def test_the_server_that_signs_in_may_be_typed_itself(network: Network) -> None:
    assert finish(network, begin(network, typed=ISSUER)).actor.id == ANNA


def test_a_proof_is_for_one_request_with_one_key(network: Network, world: World) -> None:
    granted(network)
    requests = [r for r in world.asked if "dpop" in r.headers]
    proofs = [proof_of(r) for r in requests]
    assert len({claims["jti"] for _, claims in proofs}) == len(proofs)
    for request, (header, claims) in zip(requests, proofs, strict=True):
        assert header["typ"] == "dpop+jwt"
        assert "d" not in header["jwk"]
        assert claims["htm"] == "POST"
        assert claims["htu"] == str(request.url)


def test_two_sign_ins_share_no_secret(network: Network) -> None:
    first, second = begin(network).secret, begin(network).secret
    assert first["dpop_key"] != second["dpop_key"]
    assert first["verifier"] != second["verifier"]


# --- nonces and time ---


def demanding(nonce: str, answer: httpx2.Response) -> Answer:
    def answered(request: httpx2.Request) -> httpx2.Response:
        if proof_of(request)[1].get("nonce") == nonce:
            return answer
        return httpx2.Response(400, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": nonce})

    return answered


def test_the_code_is_sent_with_the_nonce_at_once_even_by_another_process(
    load: Load, world: World
) -> None:
    world.answers[f"{ISSUER}/par"] = demanding(
        "n1", httpx2.Response(201, json={"request_uri": "urn:it"})
    )
    begun = begin(load(transport=httpx2.MockTransport(world)))
    assert finish(load(transport=httpx2.MockTransport(world)), begun).grant
    assert [proof_of(r)[1].get("nonce") for r in world.asked_at(TOKEN)] == ["n1"]


def test_a_server_that_is_never_content_with_a_nonce_is_asked_twice_only(
    network: Network, world: World
) -> None:
    world.answers[f"{ISSUER}/par"] = says(400, {"error": "use_dpop_nonce"}, dpop_nonce="again")
    with pytest.raises(Refused):
        begin(network)
    assert len(world.asked_at(f"{ISSUER}/par")) == 2


def test_a_clock_that_is_off_is_set_by_the_servers(
    network: Network, world: World, clock: MovedClock
) -> None:
    real = clock.now()
    clock.forward(hours=3)

    def strict(request: httpx2.Request) -> httpx2.Response:
        off = abs(proof_of(request)[1]["iat"] - real.timestamp())
        date = {"Date": real.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        if off > 180:
            return httpx2.Response(400, json={"error": "invalid_dpop_proof"}, headers=date)
        return httpx2.Response(201, json={"request_uri": "urn:it"}, headers=date)

    world.answers[f"{ISSUER}/par"] = strict
    assert begin(network).url


@pytest.mark.parametrize("error", ["invalid_dpop_proof", "invalid_client"])
@pytest.mark.parametrize("step", ["par", "token"])
def test_clocks_that_cannot_be_brought_together_are_said_to_be_wrong(
    network: Network, world: World, clock: MovedClock, error: str, step: str
) -> None:
    date = clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
    clock.forward(hours=3)
    begun = begin(network)
    world.answers[f"{ISSUER}/{step}"] = says(400, {"error": error}, Date=date)
    with pytest.raises(Unavailable) as wrong:
        begin(network) if step == "par" else finish(network, begun)
    assert wrong.value.code == "auth.clock"
    assert wrong.value.detail == {"host": "signin.example.com"}
    sent = [proof_of(request)[1]["iat"] for request in world.asked_at(f"{ISSUER}/{step}")[-2:]]
    # Tried with their time before; the clock went on in between.
    assert sent[0] - sent[1] == pytest.approx(3 * 3600, abs=60)


def test_a_refresh_with_a_wrong_clock_does_not_end_the_session(
    network: Network, world: World, clock: MovedClock
) -> None:
    grant = granted(network)
    date = clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
    clock.forward(hours=3)
    world.answers[TOKEN] = says(401, {"error": "invalid_client"}, Date=date)
    assert network.sign_in
    with pytest.raises(Unavailable) as wrong:
        network.sign_in.refresh(grant)
    assert wrong.value.code == "auth.clock"


@pytest.mark.parametrize(
    ("error", "hours", "code"),
    [
        ("invalid_dpop_proof", 0, "at.no_oauth"),  # refused for something else than its time
        ("use_dpop_nonce", 3, "at.no_oauth"),
        ("invalid_request", 3, "at.no_oauth"),
    ],
)
def test_a_clock_is_not_blamed_for_what_is_no_matter_of_time(
    network: Network, world: World, clock: MovedClock, error: str, hours: int, code: str
) -> None:
    date = clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
    clock.forward(hours=hours)
    world.answers[f"{ISSUER}/par"] = says(400, {"error": error}, Date=date)
    with pytest.raises(Refused) as refused:
        begin(network)
    assert refused.value.code == code


# --- who answers ---


@pytest.mark.parametrize("iss", ["https://evil.example.com", "", None])
def test_an_answer_of_another_server_is_not_listened_to(
    network: Network, world: World, iss: str | None
) -> None:
    begun = begin(network)
    answer = {"code": "code-1"} | ({} if iss is None else {"iss": iss})
    with pytest.raises(Invalid) as refused:
        finish(network, begun, answer)
    assert refused.value.code == "auth.mixed_up"
    assert not world.asked_at(TOKEN)


@pytest.mark.parametrize(
    ("error", "raised", "code"),
    [
        ("access_denied", Invalid, "auth.denied"),
        ("server_error", Unavailable, "at.pds_down"),
        ("invalid_request", Invalid, "auth.expired"),
    ],
)
def test_a_no_at_the_server_is_a_no(
    network: Network, error: str, raised: type[Exception], code: str
) -> None:
    with pytest.raises(raised) as refused:
        finish(network, begin(network), {"iss": ISSUER, "error": error})
    assert isinstance(refused.value, Invalid | NetworkError)
    assert refused.value.code == code


def test_a_code_that_was_used_before_leads_to_the_start(network: Network, world: World) -> None:
    world.answers[TOKEN] = says(400, {"error": "invalid_grant"})
    with pytest.raises(Invalid) as refused:
        finish(network, begin(network))
    assert refused.value.code == "auth.expired"


def test_who_signs_in_as_another_is_told_and_nothing_is_kept(
    network: Network, world: World
) -> None:
    world.answers[f"{PLC}/{BEA}"] = says(200, document(BEA, handle="bea.example.com"))
    world.answers[TOKEN] = says(200, tokens(sub=BEA))
    with pytest.raises(Invalid) as refused:
        finish(network, begin(network))
    assert refused.value.code == "auth.wrong_account"
    assert form_of(world.asked_at(f"{ISSUER}/revoke")[0])["token"] == "refresh-1"


def test_a_hostile_server_cannot_sign_in_somebody_elses_people(
    network: Network, world: World
) -> None:
    theirs = "https://pds.elsewhere.example.com"
    world.answers[f"{PLC}/{BEA}"] = says(200, document(BEA, handle="bea.example.com", pds=theirs))
    world.answers[f"{theirs}/.well-known/oauth-protected-resource"] = says(
        200, {"authorization_servers": [theirs]}
    )
    world.answers[f"{theirs}/.well-known/oauth-authorization-server"] = says(
        200,
        issuer_document(
            issuer=theirs,
            **{f"{name}_endpoint": f"{theirs}/{name}" for name in ENDPOINTS},
        ),
    )
    world.answers[TOKEN] = says(200, tokens(sub=BEA))
    with pytest.raises(Invalid) as refused:
        finish(network, begin(network, typed=ISSUER))
    assert refused.value.code == "auth.mixed_up"


ENDPOINTS = ("authorization", "pushed_authorization_request", "token", "revocation")


@pytest.mark.parametrize("sub", ["did:web:evil.example.com/../x", "anna.example.com", "", 7])
def test_tokens_for_no_account_are_for_nobody(network: Network, world: World, sub: object) -> None:
    world.answers[TOKEN] = says(200, tokens(sub=sub))
    with pytest.raises((Invalid, Unavailable)):
        finish(network, begin(network))
    assert all("evil" not in request.url.host for request in world.asked)


def test_tokens_that_anybody_could_use_are_not_taken(network: Network, world: World) -> None:
    world.answers[TOKEN] = says(200, tokens(token_type="Bearer"))
    with pytest.raises(Unavailable):
        finish(network, begin(network))


# --- servers that are not in order ---


@pytest.mark.parametrize(
    "instead",
    [
        {"issuer": "https://evil.example.com"},
        {"require_pushed_authorization_requests": False},
        {"client_id_metadata_document_supported": None},
        {"authorization_response_iss_parameter_supported": False},
        {"code_challenge_methods_supported": ["plain"]},
        {"dpop_signing_alg_values_supported": []},
        {"scopes_supported": "atproto"},
        {"token_endpoint": "http://signin.example.com/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_a_server_that_is_not_in_order_signs_nobody_in(
    network: Network, world: World, instead: dict[str, object]
) -> None:
    world.answers[ISSUED] = says(200, issuer_document(**instead))
    with pytest.raises(Refused) as refused:
        begin(network)
    assert refused.value.code == "at.no_oauth"
    assert not world.asked_at(f"{ISSUER}/par")


@pytest.mark.parametrize(
    "said",
    [
        {"authorization_servers": []},
        {"authorization_servers": [ISSUER, ISSUER]},
        {"authorization_servers": [f"{ISSUER}/"]},
        {"authorization_servers": [7]},
        {},
    ],
)
def test_a_server_without_one_issuer_signs_nobody_in(
    network: Network, world: World, said: object
) -> None:
    world.answers[PROTECTED] = says(200, said)
    with pytest.raises(Refused):
        begin(network)


def test_a_description_is_never_fetched_through_a_redirect(network: Network, world: World) -> None:
    world.answers[PROTECTED] = says(302, location=f"{PDS}/elsewhere")
    with pytest.raises(Refused):
        begin(network)
    assert not world.asked_at(f"{PDS}/elsewhere")


@pytest.mark.parametrize("status", [429, 502])
def test_a_server_that_is_away_is_not_said_to_be_wrong(
    network: Network, world: World, status: int
) -> None:
    world.answers[PROTECTED] = says(status)
    with pytest.raises(Unavailable):
        begin(network)


def test_a_push_that_is_answered_with_a_page_is_no_answer(network: Network, world: World) -> None:
    world.answers[f"{ISSUER}/par"] = lambda _: httpx2.Response(201, html="<p>Hello</p>")
    with pytest.raises(Unavailable):
        begin(network)


RESOLVED, DIRECTED = f"{RESOLVER}/xrpc/com.atproto.identity.resolveHandle", f"{PLC}/{ANNA}"
PROFILE = f"{PDS}/xrpc/com.atproto.repo.getRecord"


@pytest.mark.parametrize(
    ("typed", "at_first", "afterwards"),
    [
        ("anna.example.com", [RESOLVED, DIRECTED, PROTECTED, ISSUED], []),
        (ANNA, [DIRECTED, RESOLVED, PROTECTED, ISSUED], []),
        # Who it is comes last: then both ways are looked up.
        (PDS, [PROTECTED, ISSUED], [DIRECTED, RESOLVED]),
        # An issuer that keeps no accounts: that the account relies on it is asked of its server.
        (
            ISSUER,
            [f"{ISSUER}/.well-known/oauth-protected-resource", ISSUED],
            [DIRECTED, RESOLVED, PROTECTED],
        ),
    ],
    ids=["handle", "did", "server", "issuer"],
)
def test_nothing_is_asked_twice_and_one_thing_more_than_the_protocol_needs(
    network: Network, world: World, typed: str, at_first: list[str], afterwards: list[str]
) -> None:
    def asked() -> list[str]:
        found = [str(request.url.copy_with(query=None)) for request in world.asked]
        world.asked.clear()
        return found

    begun = begin(network, typed=typed)
    assert asked() == [*at_first, f"{ISSUER}/par"]
    assert finish(network, begun).actor.handle == "anna.example.com"
    assert asked() == [TOKEN, *afterwards, PROFILE]
