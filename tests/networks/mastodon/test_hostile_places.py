"""Servers that lead, or come to lead, into somebody's house: nothing of a sign-in goes there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from openportability.clock import MovedClock
from openportability.domain import ActorId, Purpose
from openportability.errors import Invalid, Refused, Unavailable
from tests.networks.mastodon.strict import StrictServer
from tests.networks.mastodon.world import HOST, REDIRECT, World, consent, load
from tests.networks.stand_in import Question, Said, serve
from tests.networks.subject import MemoryCabinet, a_door

Neighbour = Callable[[str], StrictServer]

INNER = ["https://10.0.0.1/x", "https://[::1]/x", "https://2130706433/x", "https://localhost./x"]
#: A place to be sent to that is no address at all.
NOWHERE = "https://["


@pytest.mark.parametrize(
    "typed",
    [
        *("127.0.0.1", "[::1]", "2130706433", "localhost", "localhost.", "0x7f.1"),
        *("alice@127.0.0.1", "alice@[::1]", "alice@2130706433", "alice@localhost."),
        *("https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://localhost./"),
    ],
)
def test_an_inner_address_is_not_even_looked_up(clock: MovedClock, typed: str) -> None:
    looked_up: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return ["10.0.0.1"]

    with pytest.raises(Invalid):
        _begin(_outside(clock, resolve), typed)
    assert looked_up == []


def test_a_name_of_an_inner_address_is_no_server(clock: MovedClock) -> None:
    with pytest.raises(Invalid, match=r"masto\.host_unknown"):
        _begin(_outside(clock, lambda host, port: ["192.168.1.1"]), "trap.example")


@pytest.mark.parametrize("location", [*INNER, NOWHERE])
@pytest.mark.parametrize("path", ["/.well-known/nodeinfo", "/.well-known/host-meta"])
def test_a_host_that_sends_us_into_a_house_is_no_server(
    world: World, neighbour: Neighbour, path: str, location: str
) -> None:
    trap = neighbour("trap.example")
    for version in ("v1", "v2"):
        trap.fail(f"/api/{version}/instance", Said(status=404, body=""))
    trap.fail(path, Said(status=302, body="", headers={"location": location}))
    asked = _inner_servers(world)
    with pytest.raises(Invalid):
        _begin(world, "trap.example")
    assert asked == []


@pytest.mark.parametrize("location", [*INNER, NOWHERE])
def test_a_domain_that_sends_us_into_a_house_is_not_believed(
    world: World, server: StrictServer, neighbour: Neighbour, location: str
) -> None:
    server.domain = "famous.example"
    front = neighbour("famous.example")
    front.fail("/webfinger", Said(status=302, body="", headers={"location": location}))
    asked = _inner_servers(world)
    assert world.proved(server).actor.handle == f"alice@{HOST}"
    assert asked == []


def test_a_name_that_moves_into_a_house_between_the_halves_is_given_no_code(
    clock: MovedClock,
) -> None:
    server = StrictServer(host="", scheme="http")
    server.add("alice")
    inside: list[str] = []
    with serve(server) as url:
        server.host = urlsplit(url).netloc
        door = a_door(clock, resolve=lambda host, port: inside or ["127.0.0.1"])
        network = load(
            None, clock=clock, cabinet=MemoryCabinet(), development=True, door=door
        ).sign_in
        assert network
        begun = network.begin(
            typed=server.host,
            purpose=Purpose.IDENTIFY,
            redirect_uri=REDIRECT,
            state="s",
            language="en",
        )
        answer = consent(server, begun.url)
        server.asked.clear()
        inside.append("10.0.0.1")
        with pytest.raises(Refused) as refused:
            network.finish(secret=begun.secret, answer=answer)
        door.close()
    assert refused.value.code == "net.address"
    assert server.asked == []
    assert list(server.codes) == [answer["code"]]


def _outside(clock: MovedClock, resolve: Callable[[str, int], Sequence[str]]) -> World:
    """Return the network as it runs on a public site, with names of ours."""
    cabinet = MemoryCabinet()
    door = a_door(clock, allow_loopback=False, resolve=resolve)
    network = load(None, clock=clock, cabinet=cabinet, development=False, door=door)
    return World(servers={}, clock=clock, cabinet=cabinet, network=network)


def _begin(world: World, typed: str) -> None:
    world.sign_in.begin(
        typed=typed, purpose=Purpose.IDENTIFY, redirect_uri=REDIRECT, state="s", language="en"
    )


def _inner_servers(world: World) -> list[str]:
    """Let servers answer at the inner addresses; return what they will be asked."""
    asked: list[str] = []

    def answer(question: Question) -> Said:
        asked.append(question.path)
        return Said()

    world.servers.update({urlsplit(address).netloc: answer for address in INNER})
    return asked


def test_a_look_that_shows_somebody_else_or_loses_the_domain_is_not_believed(
    world: World, server: StrictServer
) -> None:
    proved = world.proved(server)
    assert proved.grant
    assert world.sign_in.look(proved.grant, proved.actor).handle == proved.actor.handle
    others = replace(proved.actor, id=ActorId(f"https://{HOST}/users/somebody-else"))
    elsewhere = replace(proved.actor, handle="alice@elsewhere.example")
    for known in (others, elsewhere):
        with pytest.raises(Unavailable):
            world.sign_in.look(proved.grant, known)
