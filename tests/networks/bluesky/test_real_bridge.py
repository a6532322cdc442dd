"""A copy on a real PDS, followed there and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest

from lab import servers
from openportability.domain import Actor, ActorId, NetworkName, Purpose, Tie
from openportability.network import Network
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.people import Person, new_person, signed_in, ties, want
from tests.networks.stand_in import Question, Said, serve

URI = "https://herd.test/users/anna_b"
HANDLE = "anna-b.herd.test.ap.bridge.test"


@pytest.fixture
def copy(atproto: servers.Atproto) -> Person:
    """An account on the bridge's server."""
    return new_person(atproto.pds[0])


@pytest.fixture
def named(atproto: servers.Atproto, copy: Person) -> Iterator[str]:
    """The real directory and resolver, where a bridge has named its account, and whose copy it is."""

    def answer(question: Question) -> Said:
        if question.value("handle") == HANDLE:
            return Said(body={"did": copy.did})
        is_name = question.path.startswith("/xrpc/")
        query = {"handle": question.value("handle")} if is_name else {}
        real = httpx2.get(
            (atproto.pds[0] if is_name else atproto.plc) + question.path, params=query
        )
        names = {"alsoKnownAs": [f"at://{HANDLE}", URI]} if question.path == f"/{copy.did}" else {}
        return Said(status=real.status_code, body={**real.json(), **names})

    with serve(answer) as url:
        yield url


@pytest.fixture
def network(load: Load, atproto: servers.Atproto, named: str) -> Network:
    bridge = {"BRIDGE_DOMAIN": "ap.bridge.test", "BRIDGE_PDS": atproto.pds[0]}
    return load(plc=named, resolver=named, **bridge)


def test_a_copy_is_found_by_whom_it_names_followed_once_and_taken_back(
    network: Network, atproto: servers.Atproto, copy: Person
) -> None:
    original = Actor(
        network=NetworkName("there"),
        instance="herd.test",
        id=ActorId(URI),
        handle="anna_b@herd.test",
        name="Anna",
        seen_at=want(copy.did).actor.seen_at,
    )
    assert network.twin
    assert network.sign_in
    assert network.destination
    twin = network.twin(original)
    assert twin
    assert (twin.id, twin.handle) == (copy.did, HANDLE)
    assert network.twin(replace(original, id=ActorId(f"{URI}2"))) is None

    me = new_person(atproto.pds[0])
    grant = signed_in(network.sign_in, me, purpose=Purpose.FOLLOW).grant
    assert grant
    (record,) = network.destination.reserve(1)
    wanted = [replace(want(copy.did, record), actor=twin)]
    made = ties(network.destination.follow(grant, wanted))[copy.did]
    assert made.tie is Tie.FOLLOWING
    taken = [replace(wanted[0], record=made.record)]
    assert ties(network.destination.unfollow(grant, taken))[copy.did].tie is Tie.NONE
    assert ties(network.destination.relationships(grant, wanted))[copy.did].tie is Tie.NONE
