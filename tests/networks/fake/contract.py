"""The simulated network under contract: in each of its roles, and once over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openportability.clock import MovedClock
from openportability.domain import Actor, ActorId, Deed, Grant
from openportability.network import Asked, Begun
from openportability.networks.fake.realm import Terms
from openportability.networks.fake.reply import Fault as How
from openportability.networks.fake.residents import Role
from openportability.networks.fake.way import Line, Way, through, within
from openportability.networks.fake.world import WAIT, World, shared_world
from openportability.networks.fake.world_server import WorldServer
from tests.networks.subject import (
    BASE_URL,
    Can,
    CountingDoor,
    Fault,
    Fixture,
    Subject,
    Variant,
    a_door,
    load,
)

NO_DESTINATION = "nobody can be followed on a source"
ONE_SERVER = "the network is one server"

VARIANTS = (
    Variant(
        name="source",
        cannot={
            Can.TYPE: "its sign-in page asks who one is",
            Can.MIX_UP: ONE_SERVER,
            Can.GRANT: "the token is ended as soon as the person is known",
            Can.REFRESH: "no grant is left",
            Can.RENAME: "no grant is left",
            Can.WITHDRAW: "no grant is left",
            **dict.fromkeys(
                (
                    *(Can.FOLLOW, Can.BLOCK, Can.MUTE, Can.SCOPE, Can.RECORD, Can.PAGES),
                    *(Can.LOCK, Can.MOVE),
                    *(Can.DELETE, Can.FLAG, Can.THROTTLE, Can.BREAK, Can.SILENCE),
                    *(Can.LISTS, Can.FOLLOWERS),
                ),
                NO_DESTINATION,
            ),
        },
    ),
    Variant(
        name="instances",
        cannot={
            Can.RECORD: "a follow there has no name of its own",
            Can.ARCHIVE: "it is no source of archives",
            Can.FOLLOWERS: "its servers tell whom one follows alone",
        },
    ),
    *(
        Variant(
            name=name,
            cannot={
                Can.LOCK: "nobody is asked first there",
                Can.MOVE: "an account keeps its id wherever it moves",
                Can.MIX_UP: ONE_SERVER,
                Can.ARCHIVE: "it is no source of archives",
                Can.FOLLOWERS: "its servers tell whom one follows alone",
            },
        )
        for name in ("repository", "repository_over_http")
    ),
)

HOW = {fault: How[fault.name] for fault in Fault}


class Simulated(Subject):
    """A simulated network, and a line to what is behind its stage."""

    def __init__(
        self,
        role: Role,
        *,
        clock: MovedClock,
        door: CountingDoor,
        way: Way,
        options: Mapping[str, str],
    ) -> None:
        name = f"its_{role}"
        self.network = load("fake", name=name, clock=clock, door=door, options=options)
        self.redirect_uri = f"{BASE_URL}/auth/{self.network.name}/callback"
        self.stage = Line(Terms(name=self.network.name, role=role), way, clock)
        self.door = door
        self._role = role
        self._is_elsewhere = "WORLD_URL" in options
        self._clock = clock
        self._nicks = (f"somebody_{number}" for number in count())

    def person(self, *, locked: bool = False, host: str | None = None) -> Actor:
        told = self.stage.ask("arrive", nick=next(self._nicks), locked=locked, host=host)
        return self._actor(told)

    def needed(self, who: Actor) -> Sequence[str]:
        # In this process nothing goes out.
        return ["POST /person", "POST /token"] if self._is_elsewhere else []

    def typed(self, who: Actor) -> str:
        match self._role:
            case Role.SOURCE:
                return ""
            case Role.INSTANCES:
                return f"@{who.handle}"
            case Role.REPOSITORY:
                return who.handle

    def mistyped(self) -> str:
        return "nobody at nowhere"

    def consent(self, begun: Begun, who: Actor, *, allow: bool = True) -> Mapping[str, str]:
        url = urlsplit(begun.url)
        query = dict(parse_qsl(url.query))
        page = next(page for page in self.network.documents if page.path == url.path)
        form = {"handle": who.handle, "answer": "allow" if allow else "deny"}
        served = page.serve(Asked(method="POST", query=query, form=form))
        assert served.location
        assert served.location.startswith(self.redirect_uri)
        return dict(parse_qsl(urlsplit(served.location).query))

    def others_answer(self, begun: Begun, who: Actor) -> Mapping[str, str]:
        return {**self.consent(begun, who), "iss": "harbour.example"}

    def rename(self, who: Actor) -> Actor:
        return self._actor(self.stage.ask("rename", who=who.id, nick=next(self._nicks)))

    def withdraw(self, grant: Grant) -> None:
        self.stage.ask("withdraw", who=grant.actor_id)

    def follows(self, who: Actor) -> list[ActorId]:
        actors: list[ActorId] = self.stage.ask("follows_of", who=who.id)["actors"]
        return actors

    def follow_by_hand(self, who: Actor, whom: Actor) -> None:
        self.stage.ask("follow_by_hand", who=who.id, whom=whom.id)

    def unfollow_by_hand(self, who: Actor, whom: Actor) -> None:
        self.stage.ask("unfollow_by_hand", who=who.id, whom=whom.id)

    def avoided(self, who: Actor, deed: Deed) -> list[ActorId]:
        actors: list[ActorId] = self.stage.ask("avoided_of", who=who.id, deed=deed)["actors"]
        return actors

    def fill_pages(self, who: Actor) -> frozenset[ActorId]:
        # Two full pages exactly: the cursor of the second leads to an empty one.
        size = 80 if self._role is Role.INSTANCES else 100
        others = [self.person() for _ in range(2 * size)]
        for other in others:
            self.follow_by_hand(who, other)
        return frozenset(other.id for other in others)

    def approve(self, who: Actor, asked_by: Actor) -> None:
        self.stage.ask("approve", who=who.id, asked_by=asked_by.id)

    def move(self, who: Actor) -> Actor:
        told = self.stage.ask("arrive", nick=next(self._nicks), host="harbour.example")
        self.stage.ask("move", who=who.id, to=told["id"])
        return self._actor(told)

    def delete(self, who: Actor) -> None:
        self.stage.ask("vanish", who=who.id)

    def flag(self, who: Actor) -> None:
        self.stage.ask("flag", who=who.id)

    def fail_next(self, fault: Fault) -> datetime | None:
        self.stage.ask("fail_next", verb="follow", how=HOW[fault])
        return self._clock.now() + WAIT if fault is Fault.THROTTLED else None

    def _actor(self, told: Mapping[str, Any]) -> Actor:
        return Actor(
            network=self.network.name,
            instance=told["instance"],
            id=ActorId(told["id"]),
            handle=told["handle"],
            name=told["name"],
            seen_at=self._clock.now(),
        )


@contextmanager
def subject(variant: Variant, fixture: Fixture) -> Iterator[Subject]:
    """Give a simulated network with a world of its own."""
    clock = MovedClock()
    # A hundred times the speed: the suite is no test of limits, and must not run into them.
    role = Role(variant.name.partition("_")[0])
    options = {"ROLE": role, "PEOPLE": "10", "SPEED": "100"}
    with ExitStack() as stack:
        way = within(shared_world(seed="1", people=10, clock=clock))
        if variant.name.endswith("over_http"):
            options["WORLD_URL"] = stack.enter_context(served(clock))
        door = a_door(clock)
        stack.callback(door.close)
        if "WORLD_URL" in options:
            way = through(door, options["WORLD_URL"], clock)
        yield Simulated(role, clock=clock, door=door, way=way, options=options)


@contextmanager
def served(clock: MovedClock, *, people: int = 10) -> Iterator[str]:
    """Serve a world from a thread and give its address."""
    world = World(seed="1", people=people, clock=clock)
    with WorldServer(world, clock) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()
