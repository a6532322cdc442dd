"""Muting people: words to the service that shows a person what others write, which their server passes on.

No record is written, so nobody else sees it, and what is there is asked of that service alone. Who uses another one is
shown their mutes nowhere else. https://docs.bsky.app/docs/api/app-bsky-graph-mute-actor
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
        of: dict[ActorId, _Row] = {}
        for start in range(0, len(wanted), _PAGE):
            of |= self._shown(grant, [one.actor.id for one in wanted[start : start + _PAGE]])
        return Answers(of=of)

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
        muted = {one.get("did"): _is_muted(one) for one in listed if isinstance(one, dict)}
        return {did: _tie(muted[did]) if did in muted else Gone() for did in dids}

    def _each(self, grant: Grant, wanted: Sequence[Wanted], verb: str, tie: Tie) -> Answers:
        """Ask for one after the other, until it does not answer: what is left is for later."""
        of: dict[ActorId, _Row] = {}
        began = monotonic()
        later: NetworkError | None = None
        for one in wanted:
            if later is None and monotonic() - began > _MOST_SECONDS:
                later = Unavailable()
            answer = later or self._one(grant, one.actor.id, verb, tie)
            if isinstance(answer, Unavailable | Throttled):
                later = answer
            of[one.actor.id] = answer
        return Answers(of=of)

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


def _is_muted(profile: Mapping[str, object]) -> bool:
    viewer = profile.get("viewer")
    return isinstance(viewer, dict) and viewer.get("muted") is True


def _tie(is_muted: bool) -> Relationship:
    return Relationship(tie=Tie.AVOIDING if is_muted else Tie.NONE)
