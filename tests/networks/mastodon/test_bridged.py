"""A copy that a bridge keeps is asked for by DID, and believed if its own document names that DID."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from openportability.clock import MovedClock
from openportability.domain import Actor, ActorId, NetworkName, Relationship, Tie, Wanted
from openportability.errors import NetworkError, Throttled, Unavailable
from tests.networks.mastodon.strict import StrictServer
from tests.networks.mastodon.world import World
from tests.networks.stand_in import Question, Said

BRIDGE = "bsky.brid.gy"
DID = "did:plc:annaannaannaannaannaanna"
ID = f"https://{BRIDGE}/ap/{DID}"


def original(actor_id: str = DID) -> Actor:
    return Actor(
        network=NetworkName("there"),
        instance="pds.example.com",
        id=ActorId(actor_id),
        handle="anna.example.com",
        name="Anna",
        seen_at=MovedClock().now(),
    )


def document(**instead: object) -> Mapping[str, object]:
    """Return what the bridge serves for somebody who asked to be bridged."""
    return {
        "type": "Person",
        "id": ID,
        "preferredUsername": "anna.example.com",
        "name": "Anna",
        "icon": {"type": "Image", "url": "https://cdn.example/anna.png"},
        "alsoKnownAs": [f"at://{DID}"],
        **instead,
    }


def asked(world: World, said: Said, who: Actor | None = None) -> tuple[Actor | None, list[str]]:
    """Let the bridge say this; return what is believed, and what it was asked."""
    paths: list[str] = []

    def bridge(question: Question) -> Said:
        paths.append(question.path)
        return said

    world.servers[BRIDGE] = bridge
    assert world.network.twin
    return world.network.twin(who or original()), paths


@pytest.mark.parametrize("also", [[f"at://{DID}"], DID, [DID, "https://anna.example/"]])
def test_the_bridges_actor_that_names_the_did_is_the_copy(world: World, also: object) -> None:
    twin, paths = asked(world, Said(body=document(alsoKnownAs=also)))
    assert paths == [f"/ap/{DID}"]
    assert twin
    assert (twin.id, twin.instance, twin.handle) == (ID, BRIDGE, f"anna.example.com@{BRIDGE}")
    assert (twin.name, twin.avatar) == ("Anna", "https://cdn.example/anna.png")


@pytest.mark.parametrize("status", [404, 410])
def test_who_is_not_bridged_has_none(world: World, status: int) -> None:
    assert asked(world, Said(status=status, body=""))[0] is None


@pytest.mark.parametrize(
    "instead",
    [
        {"id": f"https://{BRIDGE}/ap/did:plc:beabeabeabeabeabeabeabea"},
        {"id": ID.replace(BRIDGE, "bsky.brid.gy.example")},
        {"alsoKnownAs": ["at://did:plc:beabeabeabeabeabeabeabea"]},
        {"alsoKnownAs": [f"at://{DID}/app.bsky.actor.profile"]},
        {"alsoKnownAs": {DID: DID}},
        {"alsoKnownAs": []},
        {"preferredUsername": "anna@elsewhere"},
        {"preferredUsername": 7},
    ],
)
def test_a_document_that_says_anything_else_is_not_believed(
    world: World, instead: dict[str, Any]
) -> None:
    assert asked(world, Said(body=document(**instead)))[0] is None


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (
            Said(status=302, body="", headers={"location": "https://elsewhere.example/"}),
            Unavailable,
        ),
        (Said(status=500, body=""), Unavailable),
        (Said(status=0), Unavailable),
        (Said(body="<p>Back soon"), Unavailable),
        (Said(body=[document()]), Unavailable),
        (Said(body=document(summary="x" * 200_000)), Unavailable),
        (Said(status=429, body=""), Throttled),
    ],
)
def test_an_answer_that_says_nothing_is_no_answer(
    world: World, said: Said, error: type[NetworkError]
) -> None:
    with pytest.raises(error):
        asked(world, said)


@pytest.mark.parametrize(
    "actor_id",
    ["https://herd.example/users/anna", "1234", "did:plc:short", f"{DID}/../x", "did:key:z6"],
)
def test_nobody_is_asked_about_who_has_no_did(world: World, actor_id: str) -> None:
    assert asked(world, Said(body=document()), original(actor_id)) == (None, [])


def test_a_picture_that_everybody_on_the_way_could_change_is_left_out(world: World) -> None:
    twin, _ = asked(world, Said(body=document(icon={"url": "http://cdn.example/a.png"}, name="")))
    assert twin
    assert (twin.avatar, twin.name) == (None, "anna.example.com")


def test_the_copy_is_followed_by_the_id_that_the_bridge_gave_it(
    world: World, server: StrictServer
) -> None:
    twin, _ = asked(world, Said(body=document()))
    assert twin
    server.add_remote("anna.example.com", BRIDGE).uri = ID
    grant, wanted = world.granted(server), [Wanted(actor=twin)]
    made = world.follows.follow(grant, wanted).of[twin.id]
    assert isinstance(made, Relationship)
    assert made.tie is Tie.FOLLOWING
    assert world.follows.follow(grant, wanted).of[twin.id] == made
    assert len(server.follows) == 1
    ended = world.follows.unfollow(grant, [Wanted(actor=twin, record=made.record)]).of[twin.id]
    assert isinstance(ended, Relationship)
    assert (ended.tie, server.follows) == (Tie.NONE, [])
