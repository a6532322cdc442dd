"""A copy that a bridge keeps is found by handle, and believed by server and document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx2
import pytest

from openportability.clock import MovedClock
from openportability.domain import Actor, ActorId, NetworkName
from openportability.errors import NetworkError, Unavailable
from openportability.network import Network
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.stand_in import (
    PDS,
    PLC,
    RESOLVE,
    Answer,
    World,
    document,
    says,
    times_out,
)

COPY = "did:plc:copycopycopycopycopycopy"
HANDLE = "anna-b.herd.example.org.ap.brid.gy"
BRIDGE = "https://atproto.brid.gy"
ID = "https://herd.example.org/users/anna_b"
RECORD = f"{BRIDGE}/xrpc/com.atproto.repo.getRecord"


def original(actor_id: str = ID, handle: str = "Anna_b@herd.example.org") -> Actor:
    return Actor(
        network=NetworkName("there"),
        instance="herd.example.org",
        id=ActorId(actor_id),
        handle=handle,
        name="Anna",
        seen_at=MovedClock().now(),
    )


def bridged(
    *, did: str = COPY, handle: str = HANDLE, pds: str = BRIDGE, names: Iterable[object] = (ID,)
) -> dict[str, Any]:
    """Return the DID document of an account that the bridge keeps."""
    made = document(did, handle=handle, pds=pds)
    return {**made, "alsoKnownAs": [*made["alsoKnownAs"], *names]}


def resolves(request: httpx2.Request) -> httpx2.Response:
    known = request.url.params["handle"] == HANDLE
    return httpx2.Response(200, json={"did": COPY}) if known else httpx2.Response(400, json={})


@pytest.fixture
def network(load: Load, world: World) -> Network:
    world.answers[RESOLVE] = resolves
    world.answers[f"{PLC}/{COPY}"] = says(200, bridged())
    world.answers[RECORD] = says(200, {"value": {"displayName": "Anna B"}})
    return load(transport=httpx2.MockTransport(world))


def found(network: Network, who: Actor | None = None) -> Actor | None:
    assert network.twin
    return network.twin(who or original())


def test_the_account_on_the_bridge_that_names_the_actor_is_the_copy(network: Network) -> None:
    twin = found(network)
    assert twin
    assert (twin.id, twin.handle, twin.instance) == (COPY, HANDLE, "atproto.brid.gy")
    assert twin.name == "Anna B"


def test_two_names_that_become_one_handle_are_told_apart_by_id(network: Network) -> None:
    namesake = original("https://herd.example.org/users/anna~b", "anna~b@herd.example.org")
    assert found(network, namesake) is None


@pytest.mark.parametrize(
    "said",
    [
        bridged(names=()),
        bridged(names=(f"{ID}/", ID.upper(), "https://herd.example.org/@anna_b")),
        bridged(names=({"id": ID}, 7, None)),
        bridged(pds=PDS),
        bridged(pds="https://atproto.brid.gy.example.com"),
        bridged(handle="somebody.herd.example.org.ap.brid.gy"),
        bridged(did="did:plc:beabeabeabeabeabeabeabea"),
        {"id": COPY, "alsoKnownAs": ID},
    ],
)
def test_an_account_that_says_anything_else_is_not_believed(
    network: Network, world: World, said: dict[str, Any]
) -> None:
    world.answers[f"{PLC}/{COPY}"] = says(200, said)
    assert found(network) is None


@pytest.mark.parametrize("status", [404, 410])
def test_a_copy_that_was_deleted_is_none(network: Network, world: World, status: int) -> None:
    world.answers[f"{PLC}/{COPY}"] = says(status, {"message": f"DID not available: {COPY}"})
    assert found(network) is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"{PLC}/{COPY}", times_out),
        (f"{PLC}/{COPY}", says(503)),
        (f"{PLC}/{COPY}", says(200, {"padding": "x" * 2_000_000})),
        (f"{PLC}/{COPY}", says(302, location="https://elsewhere.example.com/")),
        (RECORD, says(502)),
    ],
)
def test_an_answer_that_says_nothing_is_no_answer(
    network: Network, world: World, url: str, said: Answer
) -> None:
    world.answers[url] = said
    with pytest.raises(NetworkError) as raised:
        found(network)
    assert isinstance(raised.value, Unavailable)


@pytest.mark.parametrize(
    ("actor_id", "handle"),
    [
        ("did:plc:annaannaannaannaannaanna", "anna.example.com"),
        ("1234", "anna"),
        (ID, "-anna@herd.example.org"),
        (ID, "anna@localhost:3000"),
    ],
)
def test_nobody_is_asked_about_who_can_have_no_copy(
    network: Network, world: World, actor_id: str, handle: str
) -> None:
    assert found(network, original(actor_id, handle)) is None
    assert world.asked == []
