"""A world with one strict server, or with more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from openportability.clock import MovedClock
from openportability.domain import Grant
from tests.networks.mastodon.strict import StrictServer
from tests.networks.mastodon.world import HOST, World, load
from tests.networks.stand_in import Answer
from tests.networks.subject import MemoryCabinet


@pytest.fixture
def world(clock: MovedClock) -> World:
    servers: dict[str, Answer] = {}
    cabinet = MemoryCabinet()
    network = load(servers, clock=clock, cabinet=cabinet, development=False)
    return World(servers=servers, clock=clock, cabinet=cabinet, network=network)


@pytest.fixture
def server(world: World) -> StrictServer:
    """social.example, with alice and bob."""
    made = StrictServer(host=HOST)
    made.add("alice")
    made.add("bob")
    world.servers[HOST] = made
    return made


@pytest.fixture
def neighbour(world: World) -> Callable[[str], StrictServer]:
    """Add another server by name."""

    def add(host: str) -> StrictServer:
        made = StrictServer(host=host)
        world.servers[host] = made
        return made

    return add


@pytest.fixture
def grant(world: World, server: StrictServer) -> Grant:
    return world.granted(server)
