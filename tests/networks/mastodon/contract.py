"""Mastodon under contract: between two strict servers, and between two real ones."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from lab.servers import Snac
from openportability.clock import MovedClock, monotonic
from openportability.domain import Actor, ActorId, Deed, Grant, NetworkName
from openportability.network import Begun
from tests.networks.mastodon.person import Person
from tests.networks.mastodon.strict import StrictServer
from tests.networks.mastodon.world import answer_of, consent
from tests.networks.stand_in import Said, serve
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
from tests.real import snac

ALWAYS = {
    Can.RECORD: "a follow there has no name of its own",
    Can.FLAG: "servers of this kind flag nobody",
    Can.ARCHIVE: "lists come from its API, not from an archive",
    Can.REFRESH: "its tokens do not end by themselves",
}

#: At a server that we know: the code for a token, and whose it is.
NEEDED = ("POST /oauth/token", "GET /api/v1/accounts/verify_credentials")

UNTOLD = "it cannot be told to fail"

VARIANTS = (
    Variant(name="strict", cannot=ALWAYS),
    Variant(
        name="snac",
        needs=("snacs",),
        cannot={
            **ALWAYS,
            Can.DENY: "its page has no button to say no",
            Can.SPEND_CODE: "a code works there again and again",
            Can.BIND_CODE: "it looks at no code and knows no PKCE",
            Can.SCOPE: "every token may do everything there",
            Can.MUTE: "it has one list of whom one avoids, and calls that blocks",
            Can.PAGES: "its lists come in one page",
            Can.FOLLOWERS: "it shows nobody who follows",
            Can.MOVE: "a move takes days of its own rules there",
            **dict.fromkeys((Can.THROTTLE, Can.BREAK, Can.SILENCE), UNTOLD),
        },
    ),
)


class BetweenServers(Subject):
    """Two strict servers on loopback; people live on them in turn."""

    def __init__(self, *servers: StrictServer, clock: MovedClock, door: CountingDoor) -> None:
        options = {"GAP_SECONDS": "0"}
        self.network = load("mastodon", clock=clock, door=door, options=options)
        self.door = door
        self.redirect_uri = f"{BASE_URL}/auth/mastodon/callback"
        self._servers = {server.host: server for server in servers}
        self._clock = clock
        self._numbers = count()

    def person(self, *, locked: bool = False) -> Actor:
        number = next(self._numbers)
        server = list(self._servers.values())[number % len(self._servers)]
        return self._actor(server, server.add(f"person{number}", locked=locked))

    def typed(self, who: Actor) -> str:
        return f"@{who.handle}"

    def needed(self, who: Actor) -> Sequence[str]:
        return NEEDED

    def mistyped(self) -> str:
        return "nobody at nowhere"

    def consent(self, begun: Begun, who: Actor, *, allow: bool = True) -> Mapping[str, str]:
        server = self._home(who)
        server.signed_in, server.agrees = who.name, allow
        return consent(server, begun.url)

    def others_answer(self, begun: Begun, who: Actor) -> Mapping[str, str]:
        return {**self.consent(begun, who), "place": "evil.example"}

    def rename(self, who: Actor) -> Actor:
        self._shown(self._home(who), who).name = "Somebody Else"
        return replace(who, name="Somebody Else")

    def withdraw(self, grant: Grant) -> None:
        del self._servers[grant.instance].tokens[grant.secret["access_token"]]

    def follows(self, who: Actor) -> list[ActorId]:
        home = self._home(who)
        mine = self._shown(home, who).id
        return [ActorId(home.people[them].uri) for us, them in home.follows if us == mine]

    def follow_by_hand(self, who: Actor, whom: Actor) -> None:
        # Both servers know of it: one that they follow, the other that they are followed.
        for host in {who.instance, whom.instance}:
            server = self._servers[host]
            server.follows.append((self._shown(server, who).id, self._shown(server, whom).id))

    def avoided(self, who: Actor, deed: Deed) -> list[ActorId]:
        home = self._home(who)
        mine = self._shown(home, who).id
        return [ActorId(home.people[them].uri) for us, them in home.avoided[deed] if us == mine]

    def fill_pages(self, who: Actor) -> frozenset[ActorId]:
        # Two full pages exactly: the second leads to an empty one.
        others = [self.person() for _ in range(160)]
        for other in others:
            self.follow_by_hand(who, other)
        return frozenset(other.id for other in others)

    def approve(self, who: Actor, asked_by: Actor) -> None:
        home = self._home(asked_by)
        pair = (self._shown(home, asked_by).id, self._shown(home, who).id)
        home.requests.remove(pair)
        home.follows.append(pair)

    def move(self, who: Actor) -> Actor:
        new = self.person()
        moved_to = self._shown(self._home(new), new)
        for server in self._servers.values():
            self._shown(server, who).moved = moved_to
        return new

    def delete(self, who: Actor) -> None:
        for server in self._servers.values():
            for number in [n for n, person in server.people.items() if person.uri == who.id]:
                del server.people[number]

    def fail_next(self, fault: Fault) -> datetime | None:
        until = self._clock.now() + timedelta(minutes=5)
        past = "2001-01-01T00:00:00.000000Z"
        replies = {
            Fault.DOWN: Said(status=503, body="<h1>503</h1>"),
            Fault.GARBAGE: Said(body="<h1>maintenance</h1>"),
            Fault.THROTTLED: Said(status=429, headers={"x-ratelimit-reset": until.isoformat()}),
            Fault.THROTTLED_BLIND: Said(status=429),
            Fault.THROTTLED_PAST: Said(status=429, headers={"x-ratelimit-reset": past}),
        }
        # One trouble for both servers: whoever is asked first has it.
        waiting = [replies[fault]] if fault in replies else []
        lost = ["/follow"] if fault is Fault.SILENCE else []
        for server in self._servers.values():
            server.faults["/follow"], server.lost = waiting, lost
        return until if fault is Fault.THROTTLED else None

    def _home(self, who: Actor) -> StrictServer:
        return self._servers[who.instance]

    def _shown(self, server: StrictServer, who: Actor) -> Person:
        """Return somebody as a server shows them, asking theirs if need be."""
        known = (person for person in server.people.values() if person.uri == who.id)
        found = next(known, None)
        if found is None:
            (found,) = server._asked_about(who.id)
        found.known = True
        return found

    def _actor(self, server: StrictServer, person: Person) -> Actor:
        return Actor(
            network=NetworkName("mastodon"),
            instance=server.host,
            id=ActorId(person.uri),
            handle=f"{person.username}@{server.host}",
            name=person.username,
            seen_at=self._clock.now(),
        )


class BetweenRealServers(Subject):
    """Two real servers that federate; people live on them in turn."""

    def __init__(
        self, servers: tuple[Snac, Snac], *, clock: MovedClock, door: CountingDoor
    ) -> None:
        options = {"GAP_SECONDS": "0"}
        self.network = load("mastodon", clock=clock, door=door, options=options)
        self.door = door
        self.redirect_uri = f"{BASE_URL}/auth/mastodon/callback"
        self._servers = {urlsplit(server.url).netloc: server for server in servers}
        self._passwords: dict[str, str] = {}
        self._people: dict[str, snac.Person] = {}
        #: Ids of the requests that somebody said no to.
        self._refused: set[str | None] = set()
        self._clock = clock
        self._numbers = count()

    def person(self, *, locked: bool = False) -> Actor:
        number = next(self._numbers)
        host, server = list(self._servers.items())[number % 2]
        name = f"person{secrets.token_hex(4)}"  # servers are shared with other tests
        actor = Actor(
            network=NetworkName("mastodon"),
            instance=host,
            id=ActorId(f"{server.url}/{name}"),
            handle=f"{name}@{host}",
            name=name,
            seen_at=self._clock.now(),
        )
        self._passwords[actor.id] = server.new_person(name)
        if locked:
            server.lock(name)
        return actor

    def typed(self, who: Actor) -> str:
        return f"@{who.handle}"

    def needed(self, who: Actor) -> Sequence[str]:
        # It shows no actor URI, so WebFinger must say it.
        return [*NEEDED, "GET /.well-known/webfinger"]

    def mistyped(self) -> str:
        return "nobody at nowhere"

    def consent(self, begun: Begun, who: Actor, *, allow: bool = True) -> Mapping[str, str]:
        back = snac.consent(begun.url, who.name, self._passwords[who.id], self.redirect_uri)
        return answer_of(back)

    def others_answer(self, begun: Begun, who: Actor) -> Mapping[str, str]:
        return {**self.consent(begun, who), "place": "evil.example"}

    def rename(self, who: Actor) -> Actor:
        path = self._servers[who.instance].data / "user" / who.name / "user.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "name": "Somebody Else"}))
        return replace(who, name="Somebody Else")

    def withdraw(self, grant: Grant) -> None:
        token = grant.secret["access_token"]
        (self._servers[grant.instance].data / "token" / f"{token}.json").unlink()

    def follows(self, who: Actor) -> list[ActorId]:
        scheme = urlsplit(self._servers[who.instance].url).scheme
        addresses = (address.split("@") for address in self._client(who).following())
        return [ActorId(f"{scheme}://{host}/{name}") for name, host in addresses]

    def follow_by_hand(self, who: Actor, whom: Actor) -> None:
        self._client(who).follow(whom.handle)

    def avoided(self, who: Actor, deed: Deed) -> list[ActorId]:
        muted = (self._servers[who.instance].data / "user" / who.name).glob("muted/*")
        return [ActorId(path.read_text().strip()) for path in muted]

    def approve(self, who: Actor, asked_by: Actor) -> None:
        self._decide(who, asked_by, agree=True)

    def discard(self, who: Actor, asked_by: Actor) -> None:
        """Let a locked person say no, of which nobody is told."""
        asked = (self._servers[who.instance].data / "user" / who.name).glob("pending/*.json")
        self._refused |= {_id_of_follow(path) for path in asked if asked_by.id in path.read_text()}
        self._decide(who, asked_by, agree=False)

    def _decide(self, who: Actor, asked_by: Actor, *, agree: bool) -> None:
        url = self._servers[who.instance].url
        snac.decide(url, who.name, self._passwords[who.id], asked_by.id, agree=agree)

    def delete(self, who: Actor) -> None:
        shutil.rmtree(self._servers[who.instance].data / "user" / who.name)

    def settle(self) -> None:
        until = monotonic() + 90
        while monotonic() < until and any(self._pending()):
            time.sleep(0.1)

    def _pending(self) -> Iterator[Path]:
        """Return the follows that the other side has neither accepted nor keeps for its people to decide."""
        folders = [server.data / "user" for server in self._servers.values()]
        asked = {_id_of_follow(path) for data in folders for path in data.glob("*/pending/*.json")}
        for data in folders:
            for path in data.glob("*/following/*.json"):
                if _id_of_follow(path) not in {None, *asked, *self._refused}:
                    yield path

    def _client(self, who: Actor) -> snac.Person:
        if who.id not in self._people:
            url = self._servers[who.instance].url
            self._people[who.id] = snac.Person(url, who.name, self._passwords[who.id])
        return self._people[who.id]


def _id_of_follow(path: Path) -> str | None:
    """Return the id of a request that a file holds; None where it holds an acceptance, or a person."""
    found = re.search(
        r'"type": "Follow",\n    "id": "([^"]+)"', path.read_text().partition('"object"')[0]
    )
    return found[1] if found else None


@contextmanager
def subject(variant: Variant, fixture: Fixture) -> Iterator[Subject]:
    """Give two servers that know each other."""
    with ExitStack() as stack:
        clock = MovedClock()
        door = a_door(clock)
        stack.callback(door.close)
        if variant.name == "snac":
            yield BetweenRealServers(fixture("snacs"), clock=clock, door=door)
            return
        servers = []
        for _ in range(2):
            server = StrictServer(host="", scheme="http")
            server.apps_left = 1_000
            server.host = urlsplit(stack.enter_context(serve(server))).netloc
            servers.append(server)
        one, other = servers
        one.peers, other.peers = {other.host: other}, {one.host: one}
        yield BetweenServers(one, other, clock=clock, door=door)
