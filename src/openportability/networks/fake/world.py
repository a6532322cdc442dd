"""A whole world of simulated networks in memory. Its people are the same on all of them.

Clients speak to it by `call` alone, so it may as well live in another process (`world_server`).
The state lives as long as something refers to the world: a network that uses it, or a test.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

from openportability.clock import Clock
from openportability.networks.fake.people import People
from openportability.networks.fake.realm import Realm, Terms
from openportability.networks.fake.reply import Fault, Refusal, Reply

#: Verbs about follows, blocks and mutes: only these fail by chance. A lost sign-in would say nothing about us.
FALLIBLE = frozenset(
    {
        *("following", "relationships", "follow", "unfollow"),
        *("avoiding", "block", "unblock", "mute", "unmute"),
    }
)
ANSWERED = frozenset(
    {"hosts", "people", "person", "twin", "circle", "grant_code", "token", "refresh", "revoke"}
)
BACKSTAGE = frozenset(
    {
        *("arrive", "vanish", "rename", "move", "approve", "flag", "withdraw"),
        *("follow_by_hand", "unfollow_by_hand", "follows_of", "writes", "spending"),
        *("avoid_by_hand", "avoided_of", "bridge"),
    }
)
#: How long a simulated 429 asks to wait.
WAIT = timedelta(minutes=5)
PAGE = "<!doctype html><title>Back soon</title><p>We are doing some maintenance.</p>"


class World:
    """The people, and the networks they live on."""

    def __init__(self, *, seed: str, people: int, clock: Clock) -> None:
        self.clock = clock
        self._people = People(seed, people)
        self._realms: dict[str, Realm] = {}
        self._planned: defaultdict[tuple[str, str], deque[Fault]] = defaultdict(deque)
        self._chance = Random(f"{seed}:faults")
        self._lock = RLock()

    def call(self, terms: Terms, verb: str, args: Mapping[str, Any]) -> Reply:
        """Answer a client, or fail as planned or by chance."""
        with self._lock:
            fault = self._fault(terms, verb)
            if fault is None:
                return self._do(terms, verb, args)
            if fault is Fault.SILENCE:
                self._do(terms, verb, args)
            return self._failure(fault)

    def realm(self, terms: Terms) -> Realm:
        """Return the network of that name. The first terms heard for a name are kept."""
        with self._lock:
            if terms.name not in self._realms:
                self._realms[terms.name] = Realm(terms, self._people, self.clock)
            return self._realms[terms.name]

    def fail_next(self, network: str, verb: str, how: Fault, times: int = 1) -> None:
        """Let the next calls of one verb on one network fail."""
        with self._lock:
            self._planned[network, verb].extend([how] * times)

    def heal(self, network: str) -> None:
        """Let one network work again, whatever was to fail."""
        with self._lock:
            for (name, _), planned in self._planned.items():
                if name == network:
                    planned.clear()

    def _fault(self, terms: Terms, verb: str) -> Fault | None:
        planned = self._planned[terms.name, verb]
        if planned:
            return planned.popleft()
        if verb in FALLIBLE and self._chance.random() * 100 < terms.faults:
            return self._chance.choice(list(Fault))
        return None

    def _failure(self, fault: Fault) -> Reply:
        now = self.clock.now()
        match fault:
            case Fault.DOWN:
                return Reply(status=503, text="upstream is away")
            case Fault.SILENCE:
                return Reply(status=0)
            case Fault.GARBAGE:
                return Reply(status=200, text=PAGE)
            case Fault.THROTTLED:
                return Reply(status=429, text='{"error": "slow_down"}', until=now + WAIT)
            case Fault.THROTTLED_BLIND:
                return Reply(status=429, text="")
            case Fault.THROTTLED_PAST:
                return Reply(status=429, text="", until=now - timedelta(days=400))

    def _do(self, terms: Terms, verb: str, args: Mapping[str, Any]) -> Reply:
        if verb == "fail_next":
            self.fail_next(terms.name, args["verb"], Fault(args["how"]), args.get("times", 1))
            return Reply(status=200, text="{}")
        if verb not in FALLIBLE | ANSWERED | BACKSTAGE:
            return Reply(status=404, text='{"error": "no_such_verb"}')
        do: Callable[..., Mapping[str, object]] = getattr(self.realm(terms), verb)
        try:
            return Reply(status=200, text=json.dumps(do(**args)))
        except Refusal as refusal:
            text = json.dumps({"error": refusal.reason})
            return Reply(status=refusal.status, text=text, until=refusal.until)


_WORLDS: WeakValueDictionary[tuple[int, str, int], World] = WeakValueDictionary()
_WORLDS_LOCK = RLock()


def shared_world(*, seed: str, people: int, clock: Clock) -> World:
    """Return the world of this process for that seed, number of people and clock.

    The clock tells apart two sites of one process (tests), and a world keeps its clock alive.
    """
    with _WORLDS_LOCK:
        key = (id(clock), seed, people)
        world = _WORLDS.get(key)
        if world is None:
            world = _WORLDS[key] = World(seed=seed, people=people, clock=clock)
        return world
