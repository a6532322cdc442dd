"""While the directory of identities is away, who is known already is served; newcomers are told to come back."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2
import pytest

from openportability.clock import MovedClock
from openportability.domain import ActorId, Grant, Relationship, Tie
from openportability.errors import NetworkError, Unavailable
from openportability.network import Destination, Network
from openportability.web.words import WORDS
from tests.networks.bluesky.stand_in import (
    ANNA,
    BEA,
    LIST,
    PLC,
    WRITE,
    Answer,
    World,
    begin,
    does_it,
    finish,
    lists,
    says,
    times_out,
    wanted,
)


def refuses(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("nobody is there", request=request)


DOWN = pytest.mark.parametrize("down", [times_out, refuses, says(503), says(200, "nonsense")])


@DOWN
def test_a_newcomer_is_told_and_can_come_back(network: Network, world: World, down: Answer) -> None:
    up = world.answers[f"{PLC}/{ANNA}"]
    world.answers[f"{PLC}/{ANNA}"] = down
    with pytest.raises(Unavailable) as told:
        begin(network)
    assert told.value.code in WORDS or told.value.code in network.words
    world.answers[f"{PLC}/{ANNA}"] = up
    assert finish(network, begin(network)).actor.id == ANNA


@DOWN
def test_who_signed_in_before_is_served(
    destination: Destination, grant: Grant, world: World, clock: MovedClock, down: Answer
) -> None:
    world.answers |= {
        f"{PLC}/{ANNA}": down,
        f"{PLC}/{BEA}": down,
        LIST: lists(),
        WRITE: does_it,
    }
    bea = wanted(BEA, destination.reserve(1)[0], clock=clock)
    answers = destination.follow(grant, [bea])
    assert following(answers.of) == {ActorId(BEA)}
    assert not world.asked_at(f"{PLC}/{BEA}")


@pytest.mark.parametrize("down", [times_out, refuses, says(503)])
def test_whether_it_is_there_is_told(network: Network, world: World, down: Answer) -> None:
    assert network.directory
    world.answers[f"{PLC}/_health"] = says(200, {"version": "1"})
    network.directory()
    world.answers[f"{PLC}/_health"] = down
    with pytest.raises(Unavailable):
        network.directory()


def following(of: Mapping[ActorId, Relationship | NetworkError]) -> set[ActorId]:
    return {
        actor
        for actor, one in of.items()
        if isinstance(one, Relationship) and one.tie is Tie.FOLLOWING
    }
