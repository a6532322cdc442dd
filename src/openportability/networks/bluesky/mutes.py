"""Muting people: words to the service that shows a person what others write, which their server passes on.

No record is written, so nobody else sees it, and what is there is asked of that service alone. Who uses another one is
shown their mutes nowhere else. https://docs.bsky.app/docs/api/app-bsky-graph-mute-actor
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from openportability.clock import Clock, monotonic
from openportability.domain import ActorId, Grant, Relationship, Tie, Wanted
from openportability.errors import Gone, NetworkError, Refused, Throttled, Unavailable
from openportability.network import Answers
from openportability.networks.bluesky.host import Host
from openportability.networks.bluesky.replies import content, error_name
from openportability.networks.bluesky.scopes import MUTE, PROFILES, UNMUTE, VIEW
from openportability.outbound import Reply, reset_time

#: Most accounts that it shows at once.
_PAGE = 25
#: No further call is begun after this time, so that all end well inside a lease.
_MOST_SECONDS = 20.0

#: What a person's own server says when it passes nothing on.
_OWN = frozenset({"ScopeMissingError", "invalid_token"})

_Row = Relationship | NetworkError


class BlueskyMutes:
    """Whom our user mutes, as one service keeps it for them."""

    public = False

    def __init__(self, *, clock: Clock, host: Host) -> None:
        self._clock = clock
        self._host = host

    def reserve(self, count: int) -> Sequence[str | None]:
        """Return no records: a mute has no name of its own."""
        return [None] * count

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Say whom our user mutes now; whom the service does not show is gone."""
        dids = [one.actor.id for one in wanted]
        pages = (dids[start : start + _PAGE] for start in range(0, len(dids), _PAGE))
        return _in_turn(pages, partial(self._shown, grant))

    def make(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Mute each, one by one; to do it twice changes nothing."""
        return self._each(grant, wanted, MUTE, Tie.AVOIDING)

    def take_back(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        """Take back what is still there."""
        return self._each(grant, made, UNMUTE, Tie.NONE)

    def _shown(self, grant: Grant, dids: Sequence[ActorId]) -> Mapping[ActorId, _Row]:
        try:
            reply = self._host.send(grant, PROFILES, params={"actors": list(dids)}, to=VIEW)
        except Unavailable as error:
            return dict.fromkeys(dids, error)
        if reply.status != 200:
            return dict.fromkeys(dids, self._why_not(grant, reply))
        found = content(reply)
        listed = found.get("profiles") if isinstance(found, dict) else None
        if not isinstance(listed, list):
            return dict.fromkeys(dids, Unavailable())
        shown = {one.get("did"): one.get("viewer") for one in listed if isinstance(one, dict)}
        return {did: _tie(shown[did]) if did in shown else Gone() for did in dids}

    def _each(self, grant: Grant, wanted: Sequence[Wanted], verb: str, tie: Tie) -> Answers:
        each = ([one.actor.id] for one in wanted)
        return _in_turn(each, lambda dids: {did: self._one(grant, did, verb, tie) for did in dids})

    def _one(self, grant: Grant, did: ActorId, verb: str, tie: Tie) -> _Row:
        if did == grant.actor_id:
            return Refused("target.self")
        try:
            reply = self._host.send(grant, verb, json={"actor": did}, to=VIEW)
        except Unavailable as error:
            return error
        return Relationship(tie=tie) if reply.status == 200 else self._why_not(grant, reply)

    def _why_not(self, grant: Grant, reply: Reply) -> NetworkError:
        """Return what a refusal means for these mutes; raise what the person's own server says of their account.

        Most words are the service's: its trouble stops no follows, and its no ends no session.
        """
        if error_name(reply) in _OWN and (error := self._host.why_not(grant, reply)) is not None:
            raise error
        if reply.status == 429:
            return Throttled(reset_time(reply.headers, self._clock.now()))
        return Unavailable() if reply.status >= 500 else Refused()


def _in_turn(
    parts: Iterable[Sequence[ActorId]], ask: Callable[[Sequence[ActorId]], Mapping[ActorId, _Row]]
) -> Answers:
    """Ask about one part after the other, until there is no answer: what is left is for later."""
    of: dict[ActorId, _Row] = {}
    began = monotonic()
    later: NetworkError | None = None
    for dids in parts:
        if later is None and monotonic() - began > _MOST_SECONDS:
            later = Unavailable()
        answers = dict.fromkeys(dids, later) if later else ask(dids)
        of |= answers
        waits = (one for one in answers.values() if isinstance(one, Unavailable | Throttled))
        later = next(waits, None)
    return Answers(of=of)


def _tie(viewer: object) -> _Row:
    """Return what is said of our user and another; where nothing is, the service does not know who asks."""
    is_muted = viewer.get("muted") if isinstance(viewer, dict) else None
    if not isinstance(is_muted, bool):
        return Unavailable("net.garbage")
    return Relationship(tie=Tie.AVOIDING if is_muted else Tie.NONE)
