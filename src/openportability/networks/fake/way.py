"""How an adapter reaches the world: in this process, or in another one through the door."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from openportability.clock import Clock
from openportability.errors import (
    Flagged,
    NetworkError,
    Refused,
    SignedOut,
    Throttled,
    Unavailable,
)
from openportability.networks.fake.realm import Terms
from openportability.networks.fake.reply import Reply
from openportability.networks.fake.world import World
from openportability.outbound import Door, reset_time

#: Sends one verb and returns what came back; raises `Unavailable` where nothing did.
Way = Callable[[Terms, str, Mapping[str, Any]], Reply]


def within(world: World) -> Way:
    """Return the way to a world of this process."""
    return world.call


def through(door: Door, url: str, clock: Clock) -> Way:
    """Return the way to a world that `world_server` serves."""

    def send(terms: Terms, verb: str, args: Mapping[str, Any]) -> Reply:
        question = {"terms": asdict(terms), "args": dict(args)}
        reply = door.request("POST", f"{url.rstrip('/')}/{verb}", json=question)
        until = reset_time(reply.headers, clock.now())
        return Reply(status=reply.status, text=reply.text, until=until)

    return send


class Line:
    """One network's line to the world: verbs in, JSON out, and only errors of the contract."""

    def __init__(self, terms: Terms, way: Way, clock: Clock) -> None:
        self._terms = terms
        self._way = way
        self._clock = clock

    def ask(self, verb: str, /, **args: Any) -> Any:
        """Return the answer to one verb, or raise the `NetworkError` that says what to do next."""
        reply = self._way(self._terms, verb, args)
        if reply.status != 200:
            raise self._meaning(reply)
        try:
            return json.loads(reply.text)
        except ValueError:
            raise Unavailable("net.garbage") from None

    def _meaning(self, reply: Reply) -> NetworkError:
        match reply.status, _reason(reply):
            case 401, _:
                return SignedOut()
            case 403, "scope_missing":
                return SignedOut("net.scope_missing")
            case 403, "flagged":
                return Flagged()
            case 429, _:
                ahead = reply.until is not None and reply.until > self._clock.now()
                return Throttled(reply.until if ahead else None)
            case ((400 | 404 | 422), reason):
                return Refused(detail=reason)
            case _:
                return Unavailable()


def _reason(reply: Reply) -> str:
    try:
        return str(json.loads(reply.text)["error"])
    except (ValueError, KeyError, TypeError):
        return ""
