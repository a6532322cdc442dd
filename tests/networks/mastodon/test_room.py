"""How many more somebody may follow, as their own server counts."""

from __future__ import annotations

import pytest

from openportability.errors import Unavailable
from openportability.network import Room
from tests.networks.mastodon.person import Person
from tests.networks.mastodon.strict import StrictServer, paths
from tests.networks.mastodon.world import World


@pytest.mark.parametrize(
    ("following", "followers", "in_all", "in_a_file"),
    [
        (0, 0, 7_500, 7_500),
        (7_400, 10, 100, 100),
        (7_400, 10_000, 3_600, 100),  # one by one it goes on with ten followers for each eleven
        (7_500, 6_000, 0, 0),
        (7_500, 10_000, 3_500, 3_500),
    ],
)
def test_room_is_the_ceiling_less_what_is_followed(
    world: World, server: StrictServer, following: int, followers: int, in_all: int, in_a_file: int
) -> None:
    grant = world.granted(server)
    _me(server).counts = following, followers
    asked = len(paths(server, "/verify_credentials"))
    assert world.network.room is not None
    assert world.network.room(grant) == Room(in_all=in_all, in_a_file=in_a_file)
    assert len(paths(server, "/verify_credentials")) == asked + 1


def test_a_server_that_does_not_count_says_nothing(world: World, server: StrictServer) -> None:
    grant = world.granted(server)
    _me(server).counts = None
    assert world.network.room is not None
    with pytest.raises(Unavailable):
        world.network.room(grant)


def _me(server: StrictServer) -> Person:
    (me,) = (one for one in server.people.values() if one.username == server.signed_in)
    return me
