"""The network as loaded by the program, before stand-ins or before real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2
import pytest

from openportability.clock import MovedClock
from openportability.domain import ActorId, Grant, NetworkName
from openportability.network import Cabinet, Context, Destination, Network
from openportability.networks import bluesky
from openportability.networks.bluesky.dpop import new_key
from openportability.outbound import Door
from tests.networks.bluesky.stand_in import ANNA, ISSUER, PDS, PLC, RESOLVER, VIEW, World
from tests.networks.subject import MemoryCabinet

Load = Callable[..., Network]


@pytest.fixture
def load(clock: MovedClock) -> Iterator[Load]:
    """Load the network as an installation would: `load(transport=…)`, `load(plc=…, resolver=…)`."""
    doors: list[Door] = []

    def made(
        *,
        transport: httpx2.BaseTransport | None = None,
        nameserver: tuple[str, int] | None = None,
        base_url: str = "http://127.0.0.1:8000",
        plc: str = PLC,
        resolver: str = RESOLVER,
        view: str | None = None,
        allow_loopback: bool = True,
        cabinet: Cabinet | None = None,
        **options: str,
    ) -> Network:
        door = Door(
            clock=clock,
            allow_loopback=allow_loopback,
            extra_ca_file=None,
            user_agent="OpenPortability tests",
            transport=transport,
            nameserver=nameserver,
        )
        doors.append(door)
        return bluesky.load(
            Context(
                name=NetworkName("bluesky"),
                base_url=base_url,
                development=base_url.startswith("http:"),
                options={
                    **{option.name: option.default for option in bluesky.OPTIONS},
                    "PLC_URL": plc,
                    "HANDLE_RESOLVER_URL": resolver,
                    # Real servers have no such service beside them.
                    "VIEW_URL": view if view is not None else VIEW if transport else "",
                    **options,
                },
                door=door,
                clock=clock,
                cabinet=cabinet or MemoryCabinet(),
            )
        )

    yield made
    for door in doors:
        door.close()


@pytest.fixture
def world() -> World:
    """A small network of stand-ins."""
    return World()


@pytest.fixture
def network(load: Load, world: World) -> Network:
    """The network before stand-ins."""
    return load(transport=httpx2.MockTransport(world))


@pytest.fixture
def destination(network: Network) -> Destination:
    assert network.destination
    return network.destination


@pytest.fixture
def grant() -> Grant:
    return Grant(
        network=NetworkName("bluesky"),
        instance="pds.example.com",
        actor_id=ActorId(ANNA),
        scopes=frozenset({"atproto"}),
        can_follow=True,
        secret={
            "pds": PDS,
            "issuer": ISSUER,
            "access_token": "access-1",
            "dpop_key": new_key(),
            "nonce_pds": "from-long-ago",
        },
    )
