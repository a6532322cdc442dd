"""Bluesky under contract, at a real PDS; on the way there an answer can be lost or spoiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx2

from lab.servers import Atproto
from openportability.clock import MovedClock
from openportability.domain import Actor, ActorId, Deed, NetworkName
from openportability.network import Begun
from tests.networks.bluesky.people import BLOCK, Person, new_person
from tests.networks.subject import BASE_URL, Can, Fault, Fixture, Subject, Variant, a_door, load
from tests.real import pds

VARIANTS = (
    Variant(
        name="pds",
        needs=("atproto",),
        cannot={
            Can.WITHDRAW: "its follows are public, so looking needs no grant and notices none",
            Can.LOCK: "its people let everybody follow",
            Can.MOVE: "an account keeps its id wherever it lives",
            Can.DELETE: "nobody is asked after each account before it is followed",
            Can.ARCHIVE: "lists come from its API, not from an archive",
        },
    ),
)


VIEW = "https://view.example.com"


class Faulty(httpx2.BaseTransport):
    """Leads to real servers, but the next write may fail on the way.

    Who follows whom is told by a stand-in that reads the real repositories.
    """

    def __init__(self, clock: MovedClock) -> None:
        self._real = httpx2.HTTPTransport(trust_env=False)
        self._clock = clock
        self.next: Fault | None = None
        #: The followers of an account.
        self.followers: Callable[[str], list[str]] = lambda _: []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host == urlsplit(VIEW).hostname:
            dids = self.followers(request.url.params["actor"])
            return httpx2.Response(200, json={"followers": [{"did": did} for did in dids]})
        if self.next is None or not request.url.path.endswith("applyWrites"):
            return self._real.handle_request(request)
        fault, self.next = self.next, None
        match fault:
            case Fault.SILENCE:
                self._done(request)
                raise httpx2.ReadTimeout("lost", request=request)
            case Fault.DOWN:
                return httpx2.Response(503, html="<h1>503</h1>")
            case Fault.GARBAGE:
                return httpx2.Response(200, html="<h1>maintenance</h1>")
            case Fault.THROTTLED:
                return _too_many({"ratelimit-reset": str(int(_named(self._clock).timestamp()))})
            case Fault.THROTTLED_BLIND:
                return _too_many({})
            case Fault.THROTTLED_PAST:
                return _too_many({"ratelimit-reset": "946684800"})

    def _done(self, request: httpx2.Request) -> None:
        answer = self._real.handle_request(request)
        answer.read()
        answer.close()
        assert answer.status_code == 200, "a nonce was wanted, or the write is wrong"

    def close(self) -> None:
        self._real.close()


def _named(clock: MovedClock) -> datetime:
    return clock.now().replace(microsecond=0) + timedelta(minutes=5)


def _too_many(headers: Mapping[str, str]) -> httpx2.Response:
    return httpx2.Response(429, json={"error": "RateLimitExceeded"}, headers=dict(headers))


class AtPds(Subject):
    """One real server, and a way there that can be told to fail."""

    def __init__(self, net: Atproto, transport: Faulty, clock: MovedClock) -> None:
        self._home = net.pds[0]
        self._view = net.view
        self._transport = transport
        self._clock = clock
        self._people: dict[str, Person] = {}
        #: Whose repositories the server shows nobody any more.
        self._flagged: set[str] = set()
        transport.followers = self._followers
        self.redirect_uri = f"{BASE_URL}/auth/bluesky/callback"
        self.door = a_door(clock, transport=transport)
        self.network = load(
            "bluesky",
            clock=clock,
            door=self.door,
            options={"PLC_URL": net.plc, "HANDLE_RESOLVER_URL": self._home, "VIEW_URL": VIEW},
        )

    def person(self, *, locked: bool = False) -> Actor:
        made = new_person(self._home)
        self._people[made.did] = made
        return Actor(
            network=NetworkName("bluesky"),
            instance=urlsplit(self._home).netloc,
            id=ActorId(made.did),
            handle=made.handle,
            name=made.handle,
            seen_at=self._clock.now(),
        )

    def typed(self, who: Actor) -> str:
        return f"@{who.handle}"

    def needed(self, who: Actor) -> Sequence[str]:
        return [
            "GET /xrpc/com.atproto.identity.resolveHandle",
            f"GET /{who.id}",  # at the directory
            "GET /.well-known/oauth-protected-resource",
            "GET /.well-known/oauth-authorization-server",
            # Every server challenges the first request of a key for a nonce.
            *["POST /oauth/par"] * 2,
            "POST /oauth/token",
        ]

    def mistyped(self) -> str:
        return "nobody at nowhere"

    def consent(self, begun: Begun, who: Actor, *, allow: bool = True) -> Mapping[str, str]:
        back = pds.consent(begun.url, who.handle, agree=allow)
        return dict(parse_qsl(urlsplit(back).query))

    def rename(self, who: Actor) -> Actor:
        handle, name = pds.new_handle(), "Somebody Else"
        self._people[who.id].is_called(handle, name)
        return replace(who, handle=handle, name=name)

    def others_answer(self, begun: Begun, who: Actor) -> Mapping[str, str]:
        return {**self.consent(begun, who), "iss": "https://evil.example.com"}

    def follows(self, who: Actor) -> list[ActorId]:
        return [ActorId(did) for did in pds.follows(self._home, who.id)]

    def _followers(self, did: str) -> list[str]:
        public = self._people.keys() - self._flagged
        return [one for one in sorted(public) if did in pds.follows(self._home, one)]

    def follow_by_hand(self, who: Actor, whom: Actor) -> None:
        self._people[who.id].writes_by_hand(whom.id)

    def unfollow_by_hand(self, who: Actor, whom: Actor) -> None:
        self._people[who.id].unfollows_by_hand(whom.id)

    def avoided(self, who: Actor, deed: Deed) -> list[ActorId]:
        if deed is Deed.MUTE:
            told = httpx2.get(f"{self._view}/mutes", params={"actor": who.id}, trust_env=False)
            return [ActorId(did) for did in told.json()]
        return [ActorId(did) for did in pds.follows(self._home, who.id, BLOCK)]

    def fill_pages(self, who: Actor) -> frozenset[ActorId]:
        # Two full pages exactly: the second leads to an empty one.
        dids = [pds.made_up_did() for _ in range(200)]
        self._people[who.id].follows_all_by_hand(dids)
        return frozenset(map(ActorId, dids))

    def flag(self, who: Actor) -> None:
        self._people[who.id].is_taken_down()
        self._flagged.add(who.id)

    def fail_next(self, fault: Fault) -> datetime | None:
        self._transport.next = fault
        return _named(self._clock) if fault is Fault.THROTTLED else None


@contextmanager
def subject(variant: Variant, fixture: Fixture) -> Iterator[Subject]:
    """Give the network at the real server of this session."""
    clock = MovedClock()
    transport = Faulty(clock)
    try:
        yield AtPds(fixture("atproto"), transport, clock)
    finally:
        transport.close()
