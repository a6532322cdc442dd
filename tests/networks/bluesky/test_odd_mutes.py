"""Muting where the service, or the server that passes words on to it, refuses, waits or answers nonsense."""

from __future__ import annotations

import json
from collections.abc import Sequence

import httpx2
import pytest

from openportability.clock import MovedClock
from openportability.domain import Deed, Grant, Relationship, Tie
from openportability.errors import Gone, NetworkError, Refused, SignedOut, Throttled, Unavailable
from openportability.network import Answers, Avoidance, Network
from openportability.networks.bluesky.scopes import VIEW
from tests.networks.bluesky.stand_in import (
    ANNA,
    BEA,
    CAROL,
    PDS,
    Answer,
    World,
    says,
    times_out,
    wanted,
)

PROFILES = f"{PDS}/xrpc/app.bsky.actor.getProfiles"
MUTE = f"{PDS}/xrpc/app.bsky.graph.muteActor"


@pytest.fixture
def mutes(network: Network) -> Avoidance:
    return network.avoids[Deed.MUTE]


def shows(*muted: str, leaves_out: Sequence[str] = ()) -> Answer:
    def answered(request: httpx2.Request) -> httpx2.Response:
        profiles = [
            {"did": did, "handle": "one.example.com", "viewer": {"muted": did in muted}}
            for did in request.url.params.get_list("actors")
            if did not in leaves_out
        ]
        return httpx2.Response(200, json={"profiles": profiles})

    return answered


def told(answers: Answers) -> list[type | Tie]:
    return [one.tie if isinstance(one, Relationship) else type(one) for one in answers.of.values()]


def test_whom_one_mutes_is_asked_of_the_service_so_many_at_once(
    mutes: Avoidance, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[PROFILES] = shows(BEA, leaves_out=[CAROL])
    others = [f"did:plc:{number:a>24}" for number in range(24)]
    asked = [wanted(did, clock=clock) for did in (BEA, CAROL, *others)]
    answers = mutes.relationships(grant, asked)
    assert told(answers) == [Tie.AVOIDING, Gone, *[Tie.NONE] * 24]
    questions = world.asked_at(PROFILES)
    assert [len(one.url.params.get_list("actors")) for one in questions] == [25, 1]
    assert {one.headers["atproto-proxy"] for one in questions} == {VIEW}


def test_one_mutes_one_after_the_other_and_never_oneself(
    mutes: Avoidance, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[MUTE] = says(200)
    answers = mutes.make(grant, [wanted(did, clock=clock) for did in (ANNA, BEA, CAROL)])
    assert told(answers) == [Refused, Tie.AVOIDING, Tie.AVOIDING]
    sent = [json.loads(one.content) for one in world.asked_at(MUTE)]
    assert sent == [{"actor": BEA}, {"actor": CAROL}]


@pytest.mark.parametrize(
    ("answer", "meant", "calls"),
    [
        # It waits, or is away: who comes after it is asked for later. Nobody's follows stop for it.
        (says(429, {"error": "RateLimitExceeded"}), Throttled, 1),
        (says(502, {"error": "UpstreamFailure"}), Unavailable, 1),
        (times_out, Unavailable, 1),
        # Its no is no word of the person's own server.
        (says(401, {"error": "AuthMissing"}), Refused, 2),
        (says(400, {"error": "InvalidRequest"}), Refused, 2),
    ],
)
def test_trouble_of_the_service_is_about_these_mutes_alone(
    mutes: Avoidance,
    grant: Grant,
    world: World,
    clock: MovedClock,
    answer: Answer,
    meant: type[NetworkError],
    calls: int,
) -> None:
    rows = [wanted(did, clock=clock) for did in (BEA, CAROL)]
    world.answers |= {MUTE: answer, PROFILES: answer}
    assert told(mutes.make(grant, rows)) == [meant] * 2
    assert len(world.asked_at(MUTE)) == calls
    assert told(mutes.relationships(grant, rows)) == [meant] * 2


@pytest.mark.parametrize("answer", [says(429, {"error": "RateLimitExceeded"}), times_out])
def test_a_service_that_does_not_answer_is_not_asked_for_the_next_page(
    mutes: Avoidance, grant: Grant, world: World, clock: MovedClock, answer: Answer
) -> None:
    """Eight pages of silence would last longer than anybody may hold the lane."""
    world.answers[PROFILES] = answer
    rows = [wanted(f"did:plc:{number:a>24}", clock=clock) for number in range(60)]
    assert len(mutes.relationships(grant, rows).of) == 60
    assert len(world.asked_at(PROFILES)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        says(200, {"profiles": "none"}),
        says(200, ["nonsense"]),
        # As to somebody who is not signed in: whom they mute is not told.
        says(200, {"profiles": [{"did": BEA, "handle": "bea.example.com"}]}),
    ],
)
def test_an_answer_that_is_none_leaves_it_open(
    mutes: Avoidance, grant: Grant, world: World, clock: MovedClock, answer: Answer
) -> None:
    world.answers[PROFILES] = answer
    assert told(mutes.relationships(grant, [wanted(BEA, clock=clock)])) == [Unavailable]


@pytest.mark.parametrize(
    ("status", "name", "code"),
    [(403, "ScopeMissingError", "at.scope_missing"), (401, "invalid_token", "at.session_lost")],
)
def test_what_the_own_server_refuses_stops_all(
    mutes: Avoidance,
    grant: Grant,
    world: World,
    clock: MovedClock,
    status: int,
    name: str,
    code: str,
) -> None:
    world.answers[MUTE] = says(status, {"error": name})
    with pytest.raises(SignedOut) as caught:
        mutes.make(grant, [wanted(BEA, clock=clock)])
    assert caught.value.code == code
