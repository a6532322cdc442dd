"""What is granted, kept fresh and given back, where servers are odd."""

from __future__ import annotations

from datetime import timedelta

import pytest

from openportability.clock import MovedClock
from openportability.domain import Grant, Purpose
from openportability.errors import Invalid, SignedOut, Throttled, Unavailable
from openportability.network import Network
from tests.networks.bluesky.stand_in import (
    ANNA,
    BEA,
    BOTH,
    ISSUER,
    PDS,
    PLC,
    PROTECTED,
    TOKEN,
    Answer,
    World,
    begin,
    document,
    finish,
    form_of,
    granted,
    says,
    times_out,
    tokens,
)

BROAD = "atproto transition:generic"


def test_a_server_without_the_finer_right_is_explained_and_then_asked_for_the_broad_one(
    network: Network, world: World, clock: MovedClock
) -> None:
    world.answers[TOKEN] = says(200, tokens(scope="atproto"))
    with pytest.raises(Invalid) as explained:
        finish(network, begin(network))
    assert explained.value.code == "at.broad_only"
    assert world.asked_at(f"{ISSUER}/revoke")
    # Who only says who they are is asked for no more than before.
    assert finish(network, begin(network, purpose=Purpose.IDENTIFY)).grant
    world.answers[TOKEN] = says(200, tokens(scope=BROAD))
    grant = granted(network)
    assert grant.can_follow
    clock.forward(days=8)
    begin(network)
    asked = [form_of(request)["scope"] for request in world.asked_at(f"{ISSUER}/par")]
    assert asked == [BOTH, "atproto", BROAD, BOTH]


def test_each_person_reads_what_the_broad_right_is_before_they_are_sent_for_it(
    network: Network, world: World
) -> None:
    world.answers[TOKEN] = says(200, tokens(scope="atproto"))
    with pytest.raises(Invalid):
        finish(network, begin(network))
    world.answers[f"{PLC}/{BEA}"] = says(200, document(BEA, handle="bea.example.com"))
    before = len(world.asked_at(f"{ISSUER}/par"))
    for typed in (BEA, PDS, PDS):
        with pytest.raises(Invalid) as explained:
            begin(network, typed)
        assert explained.value.code == "at.broad_only"
    assert len(world.asked_at(f"{ISSUER}/par")) == before
    for typed in (BEA, ANNA):
        begin(network, typed)
        assert form_of(world.asked_at(f"{ISSUER}/par")[-1])["scope"] == BROAD


def test_nobody_is_sent_for_the_broad_right_because_one_more_was_not_given(
    network: Network, world: World
) -> None:
    """Their server knows a right for following alone: it is asked for that one, as before."""
    world.answers[TOKEN] = says(200, tokens(scope=BOTH))
    with pytest.raises(Invalid) as refused:
        finish(network, begin(network, purpose=Purpose.MUTE))
    assert refused.value.code == "at.scope_missing"
    assert world.asked_at(f"{ISSUER}/revoke")
    begin(network)
    assert form_of(world.asked_at(f"{ISSUER}/par")[-1])["scope"] == BOTH


def test_who_wants_to_mute_reads_what_the_broad_right_is_as_well(
    network: Network, world: World
) -> None:
    world.answers[TOKEN] = says(200, tokens(scope="atproto"))
    with pytest.raises(Invalid):
        finish(network, begin(network))
    world.answers[f"{PLC}/{BEA}"] = says(200, document(BEA, handle="bea.example.com"))
    with pytest.raises(Invalid) as explained:
        begin(network, BEA, purpose=Purpose.MUTE)
    assert explained.value.code == "at.broad_only"


def test_a_server_that_gives_neither_right_is_told_so(network: Network, world: World) -> None:
    world.answers[TOKEN] = says(200, tokens(scope="atproto"))
    for code in ("at.broad_only", "at.scope_missing"):
        with pytest.raises(Invalid) as refused:
            finish(network, begin(network))
        assert refused.value.code == code


def test_a_grant_that_proves_nothing_is_given_back(network: Network, world: World) -> None:
    world.answers[TOKEN] = says(200, tokens(scope="transition:generic"))
    with pytest.raises(Invalid) as refused:
        finish(network, begin(network))
    assert refused.value.code == "at.scope_missing"
    assert world.asked_at(f"{ISSUER}/revoke")


@pytest.mark.parametrize(
    ("said", "seconds"), [(900, 900), (None, 300), ("x", 300), (10**30, 86_400), (-5, 0)]
)
def test_a_grant_ends_when_the_server_says_within_reason(
    network: Network, world: World, clock: MovedClock, said: object, seconds: int
) -> None:
    world.answers[TOKEN] = says(200, tokens(expires_in=said))
    ends = granted(network).expires_at
    assert ends
    assert abs(ends - clock.now() - timedelta(seconds=seconds)) < timedelta(seconds=20)


def test_secrets_are_not_shown(network: Network) -> None:
    grant = granted(network)
    assert "refresh-1" not in repr(grant)
    assert all(isinstance(value, str) for value in grant.secret.values())


# --- refreshing and revoking ---


def refreshed(network: Network, grant: Grant) -> Grant:
    assert network.sign_in
    return network.sign_in.refresh(grant)


def test_a_refresh_gives_a_new_pair_for_the_same_key(network: Network, world: World) -> None:
    grant = granted(network)
    world.answers[TOKEN] = says(200, tokens(access_token="access-2", refresh_token="refresh-2"))
    fresh = refreshed(network, grant)
    assert fresh.secret["refresh_token"] == "refresh-2"
    assert fresh.secret["dpop_key"] == grant.secret["dpop_key"]
    assert form_of(world.asked_at(TOKEN)[-1])["refresh_token"] == "refresh-1"


@pytest.mark.parametrize("answer", [times_out, says(500, {"error": "server_error"}), says(502)])
def test_a_refresh_whose_answer_is_lost_is_not_tried_again(
    network: Network, world: World, answer: Answer
) -> None:
    grant = granted(network)
    world.answers[TOKEN] = answer
    with pytest.raises(Unavailable) as unknown:
        refreshed(network, grant)
    assert unknown.value.code == "at.uncertain"
    assert len(world.asked_at(TOKEN)) == 2  # the code, then this one


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client"])
def test_a_refresh_token_that_is_dead_asks_for_a_new_sign_in(
    network: Network, world: World, error: str
) -> None:
    grant = granted(network)
    world.answers[TOKEN] = says(400, {"error": error})
    with pytest.raises(SignedOut) as lost:
        refreshed(network, grant)
    assert lost.value.code == "at.session_lost"


def test_a_refresh_waits_when_told_to(network: Network, world: World) -> None:
    grant = granted(network)
    world.answers[TOKEN] = says(429, {"error": "RateLimitExceeded"}, retry_after="60")
    with pytest.raises(Throttled) as wait:
        refreshed(network, grant)
    assert wait.value.until


def test_an_account_that_moved_to_a_sister_server_goes_on_there(
    network: Network, world: World
) -> None:
    grant = granted(network)
    sister = "https://sister.example.com"
    world.answers[f"{PLC}/{ANNA}"] = says(
        200, document(ANNA, handle="anna.example.com", pds=sister)
    )
    world.answers[f"{sister}/.well-known/oauth-protected-resource"] = world.answers[PROTECTED]
    fresh = refreshed(network, grant)
    assert fresh.secret["pds"] == sister
    assert fresh.instance == "sister.example.com"


@pytest.mark.parametrize(
    "answer",
    [
        says(410, {"message": f"DID not available: {ANNA}"}),
        says(404, {"message": f"DID not available: {ANNA}"}),
        says(200, {"id": ANNA}),
    ],
)
def test_an_account_that_is_no_more_is_signed_out_and_no_token_is_spent(
    network: Network, world: World, answer: Answer
) -> None:
    grant = granted(network)
    world.answers[f"{PLC}/{ANNA}"] = answer
    with pytest.raises(SignedOut):
        refreshed(network, grant)
    assert len(world.asked_at(TOKEN)) == 1


@pytest.mark.parametrize(
    "answer",
    [says(404, {"message": f"DID not registered: {ANNA}"}), says(404), says(503), says(200, {})],
)
def test_a_directory_that_does_not_know_the_account_for_once_costs_no_sign_in(
    network: Network, world: World, answer: Answer
) -> None:
    grant = granted(network)
    known = world.answers[f"{PLC}/{ANNA}"]
    world.answers[f"{PLC}/{ANNA}"] = answer
    with pytest.raises(Unavailable):
        refreshed(network, grant)
    assert len(world.asked_at(TOKEN)) == 1
    world.answers[f"{PLC}/{ANNA}"] = known
    assert refreshed(network, grant).secret["refresh_token"]


def test_an_account_that_moved_to_another_issuer_signs_in_there(
    network: Network, world: World
) -> None:
    grant = granted(network)
    grant.secret["issuer"] = "https://old.example.com"
    with pytest.raises(SignedOut):
        refreshed(network, grant)


def test_tokens_of_another_are_not_taken_in_a_refresh(network: Network, world: World) -> None:
    grant = granted(network)
    world.answers[TOKEN] = says(200, tokens(sub=BEA))
    with pytest.raises(SignedOut):
        refreshed(network, grant)


@pytest.mark.parametrize("status", [200, 400, 401])
def test_a_grant_that_is_dead_counts_as_revoked(
    network: Network, world: World, status: int
) -> None:
    grant = granted(network)
    world.answers[f"{ISSUER}/revoke"] = says(status, {"error": "invalid_token"})
    assert network.sign_in
    network.sign_in.revoke(grant)
    assert form_of(world.asked_at(f"{ISSUER}/revoke")[0])["token"] == "refresh-1"


def test_a_server_that_is_away_has_not_revoked(network: Network, world: World) -> None:
    grant = granted(network)
    world.answers[f"{ISSUER}/revoke"] = says(503)
    assert network.sign_in
    with pytest.raises(Unavailable):
        network.sign_in.revoke(grant)
