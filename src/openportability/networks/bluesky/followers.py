"""Who follows an account: written in other people's repositories, so a service that reads them all is asked.

Anybody may ask it; no grant is sent. https://docs.bsky.app/docs/api/app-bsky-graph-get-followers
"""

from __future__ import annotations

from openportability.clock import Clock
from openportability.domain import ActorId
from openportability.errors import Throttled, Unavailable
from openportability.network import Page
from openportability.networks.bluesky.replies import content, error_name, mapping
from openportability.outbound import Door, Reply, reset_time

VERB = "/xrpc/app.bsky.graph.getFollowers"
#: The most that it gives at once.
PAGE = 100
_REQUEST_SECONDS = 10.0


class Followers:
    """Pages of followers, as one service knows them."""

    def __init__(self, *, door: Door, clock: Clock, url: str) -> None:
        self._door = door
        self._clock = clock
        self._url = url.rstrip("/") + VERB

    def page(self, did: str, cursor: str | None) -> Page:
        """Return some followers; there may be none on a page that others follow."""
        params = {"actor": did, "limit": str(PAGE)}
        if cursor:
            params["cursor"] = cursor
        try:
            reply = self._door.request(
                "GET", self._url, params=params, timeout_seconds=_REQUEST_SECONDS
            )
        except Unavailable:
            raise Unavailable("at.view_down") from None
        if reply.status == 429:
            raise Throttled(reset_time(reply.headers, self._clock.now()), everyone=True)
        if _is_unknown(reply):
            return Page(actors=frozenset(), cursor=None)
        if reply.status != 200:
            raise Unavailable("at.view_down")
        return _page(reply, cursor)


def _page(reply: Reply, cursor: str | None) -> Page:
    found = mapping(reply)
    listed, following = found.get("followers"), found.get("cursor")
    if not isinstance(listed, list):
        raise Unavailable("at.view_down")
    dids = (one.get("did") for one in listed if isinstance(one, dict))
    more = isinstance(following, str) and following and following != cursor
    return Page(
        actors=frozenset(ActorId(did) for did in dids if isinstance(did, str)),
        cursor=str(following) if more else None,
    )


def _is_unknown(reply: Reply) -> bool:
    """Tell whether it has never seen the account: then nobody it has seen follows it.

    An account that it was told to hide has an error of another name, and is no empty list.
    """
    said = content(reply)
    words = said.get("message") if isinstance(said, dict) else None
    return (
        reply.status == 400
        and error_name(reply) == "InvalidRequest"
        and isinstance(words, str)
        and words.startswith("Actor not found")
    )
