"""What the network's moderators say of our user's own account: read where anybody can read it, with no grant.

https://docs.bsky.app/docs/advanced-guides/moderation · https://docs.bsky.app/docs/api/app-bsky-actor-get-profile
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from openportability.clock import Clock
from openportability.domain import ActorId
from openportability.errors import Flagged, Unavailable
from openportability.networks.bluesky.replies import content, error_name
from openportability.outbound import Door, Reply, reset_time

VERB = "/xrpc/app.bsky.actor.getProfile"
#: The moderation service that Bluesky's own programs heed for everybody. Others may call anybody anything.
MODERATION = "did:plc:ar7c4by46qjdydhdevvrndac"
#: What it puts on accounts that it hides, warns of, or takes for spam; what their pictures show is no matter of ours.
_MARKS = frozenset("!hide !warn !takedown !suspend spam inauthentic engagement-farming".split())
#: An older one is known to the person: who resumes after that goes on.
_NEWS = timedelta(days=7)
_AGAIN = timedelta(hours=1)
#: A service that does not answer is left alone for so long: follows need it for nothing else.
_REST = timedelta(minutes=5)
_REQUEST_SECONDS = 5.0
_MOST_SEEN = 100_000


class Labels:
    """Asks about an account once an hour in each process."""

    def __init__(self, *, door: Door, clock: Clock, url: str) -> None:
        self._door = door
        self._clock = clock
        self._url = url.rstrip("/") + VERB
        #: When each account is asked about again.
        self._seen: OrderedDict[ActorId, datetime] = OrderedDict()
        self._rests_until: datetime | None = None

    def heed(self, did: ActorId) -> None:
        """Raise `Flagged` where an account was marked lately, or is not shown at all; silence says nothing."""
        now = self._clock.now()
        again_at, rests_until = self._seen.get(did), self._rests_until
        if (again_at and now < again_at) or (rests_until and now < rests_until):
            return
        reply = self._ask(did)
        if reply is None or reply.status == 429 or reply.status >= 500:
            said = reset_time(reply.headers, now) if reply is not None else None
            self._rests_until = said or now + _REST
            return
        if error_name(reply) == "AccountTakedown" or _is_marked(reply, did, now):
            raise Flagged("at.labelled")
        self._seen[did] = now + _AGAIN
        while len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)

    def _ask(self, did: ActorId) -> Reply | None:
        try:
            return self._door.request(
                "GET",
                self._url,
                params={"actor": did},
                headers={"atproto-accept-labelers": MODERATION},
                timeout_seconds=_REQUEST_SECONDS,
            )
        except Unavailable:
            return None


def _is_marked(reply: Reply, did: ActorId, now: datetime) -> bool:
    found = content(reply)
    labels = found.get("labels") if isinstance(found, dict) else None
    marks = (one for one in labels if isinstance(one, dict)) if isinstance(labels, list) else ()
    return any(_is_news(one, did, now) for one in marks)


def _is_news(label: Mapping[str, object], did: ActorId, now: datetime) -> bool:
    """Tell whether a label is one of the marks, of the whole account, in force, and put there lately."""
    if (label.get("src"), label.get("uri")) != (MODERATION, did) or label.get("neg") is True:
        return False
    until, since = _time(label.get("exp")), _time(label.get("cts"))
    is_over = until is not None and until <= now
    is_old = since is not None and since < now - _NEWS
    return label.get("val") in _MARKS and not is_over and not is_old


def _time(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
