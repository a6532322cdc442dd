"""Two real servers that speak Mastodon's client API and federate with each other.

They prove forms, WebFinger and ActivityPub between hosts, and lists that lag; they are lax about
OAuth, which the strict stand-in is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from lab.servers import Snac
from openportability.clock import MovedClock
from openportability.domain import Actor, ActorId, Deed, Grant, Purpose, Relationship, Tie, Wanted
from openportability.errors import Gone, Refused, SignedOut
from openportability.network import Proved
from tests.networks.mastodon.world import World, answer_of, load
from tests.networks.subject import CountingDoor, MemoryCabinet, a_door
from tests.real.snac import consent

pytestmark = pytest.mark.real
REDIRECT = "http://127.0.0.1:8000/auth/mastodon/callback"

Snacs = tuple[Snac, Snac]


@pytest.fixture
def door(clock: MovedClock) -> Iterator[CountingDoor]:
    made = a_door(clock)
    yield made
    made.close()


@pytest.fixture
def world(clock: MovedClock, door: CountingDoor) -> World:
    cabinet = MemoryCabinet()
    network = load(None, clock=clock, cabinet=cabinet, development=True, door=door)
    return World(servers={}, clock=clock, cabinet=cabinet, network=network)


def _sign_in(world: World, server: Snac, user: str, purpose: Purpose) -> Proved:
    host = urlsplit(server.url).netloc
    begun = world.sign_in.begin(
        typed=f"@{user}@{host}", purpose=purpose, redirect_uri=REDIRECT, state="s", language="en"
    )
    back = consent(begun.url, user, server.passwords[user], REDIRECT)
    answer = answer_of(back)
    assert answer.pop("state") == "s"
    return world.sign_in.finish(secret=begun.secret, answer=answer)


def _granted(world: World, server: Snac, user: str) -> Grant:
    grant = _sign_in(world, server, user, Purpose.FOLLOW).grant
    assert grant
    return grant


def _tie(world: World, grant: Grant, wanted: Wanted) -> Relationship:
    answer = world.follows.relationships(grant, [wanted]).of[wanted.actor.id]
    assert isinstance(answer, Relationship), answer
    return answer


def _becomes(condition: Callable[[], bool], *, seconds: float = 20.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.2)
    return False


def test_people_of_two_servers_are_told_apart_by_actor(world: World, snacs: Snacs) -> None:
    here, there = snacs
    alice = _sign_in(world, here, "alice", Purpose.IDENTIFY)
    namesake = _sign_in(world, there, "alice", Purpose.IDENTIFY)
    assert alice.actor.id == f"{here.url}/alice"
    assert alice.actor.handle == f"alice@{urlsplit(here.url).netloc}"
    assert alice.grant
    assert alice.grant.scopes == {"read:accounts"}
    assert not alice.grant.can_follow
    assert namesake.actor.id == f"{there.url}/alice"


def test_a_follow_across_servers_is_made_once_seen_and_taken_back(
    world: World, snacs: Snacs
) -> None:
    here, there = snacs
    bob = Wanted(actor=_sign_in(world, there, "bob", Purpose.IDENTIFY).actor)
    grant = _granted(world, here, "alice")
    assert _tie(world, grant, bob).tie is Tie.NONE
    for _ in range(2):
        answer = world.follows.follow(grant, [bob]).of[bob.actor.id]
        assert isinstance(answer, Relationship)
        # The other server has not agreed yet, though this one says that it is a follow.
        assert answer.tie is Tie.REQUESTED
    record = _tie(world, grant, bob).record
    assert record
    assert _becomes(lambda: _tie(world, grant, bob).tie is Tie.FOLLOWING)
    assert world.follows.following(grant, None).actors == {bob.actor.id}
    assert world.follows.following(grant, None).cursor is None
    made = Wanted(actor=bob.actor, record=record)
    for _ in range(2):
        taken = world.follows.unfollow(grant, [made]).of[bob.actor.id]
        assert isinstance(taken, Relationship)
        assert taken.tie is Tie.NONE
    assert _tie(world, grant, bob).tie is Tie.NONE
    assert _becomes(lambda: not world.follows.following(grant, None).actors)


def test_a_neighbour_on_the_same_server_is_found(world: World, snacs: Snacs) -> None:
    here, _ = snacs
    carol = Wanted(actor=_sign_in(world, here, "carol", Purpose.IDENTIFY).actor)
    grant = _granted(world, here, "bob")
    assert _tie(world, grant, carol).tie is Tie.NONE


def test_a_mute_is_refused_where_a_server_has_none_and_nobody_is_gone(
    world: World, snacs: Snacs
) -> None:
    here, there = snacs
    noisy = Wanted(actor=_sign_in(world, there, "bob", Purpose.IDENTIFY).actor)
    grant = _sign_in(world, here, "carol", Purpose.MUTE).grant
    assert grant
    assert grant.can_avoid == {Deed.MUTE}
    mutes = world.network.avoids[Deed.MUTE]
    seen = mutes.relationships(grant, [noisy]).of[noisy.actor.id]
    assert isinstance(seen, Relationship)
    assert seen.tie is Tie.NONE
    answer = mutes.make(grant, [noisy]).of[noisy.actor.id]
    assert isinstance(answer, Refused)


def test_nobody_of_that_name_is_gone(world: World, snacs: Snacs) -> None:
    here, there = snacs
    grant = _granted(world, here, "carol")
    host = urlsplit(there.url).netloc
    nobody = Actor(
        network=grant.network,
        instance=host,
        id=ActorId(f"{there.url}/nobody"),
        handle=f"nobody@{host}",
        name="nobody",
        seen_at=world.clock.now(),
    )
    answer = world.follows.relationships(grant, [Wanted(actor=nobody)]).of[nobody.id]
    assert isinstance(answer, Gone)
    assert answer.code == "masto.gone"


def test_the_first_sign_in_at_a_server_asks_one_thing_more_than_the_protocol_needs(
    world: World, snacs: Snacs, door: CountingDoor
) -> None:
    _sign_in(world, snacs[0], "bob", Purpose.IDENTIFY)
    assert door.asked == [
        # Which kind it is: no newer API, no metadata. One application.
        "GET /api/v2/instance",
        "GET /api/v1/instance",
        "GET /.well-known/oauth-authorization-server",
        "POST /api/v1/apps",
        "POST /oauth/token",  # the one more: whether it looks at codes
        # The token, whose it is, and their actor URI, which this software shows by WebFinger alone.
        "POST /oauth/token",
        "GET /api/v1/accounts/verify_credentials",
        "GET /.well-known/webfinger",
    ]


def test_a_revoked_grant_is_signed_out(world: World, snacs: Snacs) -> None:
    grant = _granted(world, snacs[1], "carol")
    world.follows.following(grant, None)
    world.sign_in.revoke(grant)
    with pytest.raises(SignedOut, match=r"masto\.token_lost"):
        world.follows.following(grant, None)
