"""X under contract: a stub, for nothing of X can be run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from openportability.clock import MovedClock
from openportability.domain import Actor, ActorId, NetworkName
from openportability.network import Begun
from tests.networks.stand_in import serve
from tests.networks.subject import (
    BASE_URL,
    Can,
    CountingDoor,
    Fixture,
    Subject,
    Variant,
    a_door,
    load,
)
from tests.networks.x.stub import XStub

NO_DESTINATION = "nobody can be followed there by its API"
NO_GRANT = "the token is revoked as soon as the person is known"

CANNOT = {
    Can.TYPE: "nothing is typed before signing in",
    Can.MIX_UP: "the network is one server",
    **dict.fromkeys(
        (*(Can.GRANT, Can.REFRESH, Can.RENAME, Can.WITHDRAW), *(Can.LISTS, Can.FOLLOWERS)), NO_GRANT
    ),
    **dict.fromkeys(
        (
            *(Can.FOLLOW, Can.BLOCK, Can.MUTE, Can.SCOPE, Can.RECORD, Can.PAGES, Can.LOCK),
            Can.MOVE,
            *(Can.DELETE, Can.FLAG, Can.THROTTLE, Can.BREAK, Can.SILENCE),
        ),
        NO_DESTINATION,
    ),
}
VARIANTS = (
    Variant(name="confidential", cannot=CANNOT),
    Variant(name="public", cannot=CANNOT),
)


class WithStub(Subject):
    """X, and the stub behind it."""

    def __init__(self, stub: XStub, url: str, *, clock: MovedClock, door: CountingDoor) -> None:
        options = {
            "CLIENT_ID": stub.client_id,
            "CLIENT_SECRET": stub.client_secret,
            "AUTHORIZE_URL": f"{url}/i/oauth2/authorize",
            "API_URL": url,
        }
        self.network = load("x", clock=clock, door=door, options=options)
        self.door = door
        self.redirect_uri = stub.redirect_uri
        self._stub = stub
        self._clock = clock

    def needed(self, who: Actor) -> Sequence[str]:
        return ["POST /2/oauth2/token", "GET /2/users/me", "POST /2/oauth2/revoke"]

    def person(self, *, locked: bool = False) -> Actor:
        number = str(2**63 + len(self._stub.people))
        self._stub.people[number] = f"person_{len(self._stub.people)}"
        return Actor(
            network=NetworkName("x"),
            instance="x.com",
            id=ActorId(number),
            handle=self._stub.people[number],
            name=self._stub.people[number],
            seen_at=self._clock.now(),
        )

    def consent(self, begun: Begun, who: Actor, *, allow: bool = True) -> Mapping[str, str]:
        self._stub.signed_in, self._stub.agrees = who.id, allow
        return self._stub.consent(begun.url)


@contextmanager
def subject(variant: Variant, fixture: Fixture) -> Iterator[Subject]:
    """Give X with our application of one kind."""
    clock = MovedClock()
    stub = XStub(clock=clock, redirect_uri=f"{BASE_URL}/auth/x/callback")
    if variant.name == "public":
        stub.client_secret = ""
    with ExitStack() as stack:
        url = stack.enter_context(serve(stub))
        door = a_door(clock)
        stack.callback(door.close)
        yield WithStub(stub, url, clock=clock, door=door)
