"""Lists of a person's own account: from the records in their repository, and followers from who reads all of these."""

from __future__ import annotations

from openportability.domain import ActorId, Grant, Kind
from openportability.network import Page
from openportability.networks.bluesky.followers import Followers
from openportability.networks.bluesky.records import Repositories
from openportability.networks.bluesky.scopes import BLOCK, FOLLOW

_COLLECTIONS = {Kind.FOLLOWING: FOLLOW, Kind.BLOCKED: BLOCK}


class Lists:
    """Follows, followers and blocks: all are public."""

    #: At most 1,500 pages in five minutes, half of what a service allows our address.
    gap_seconds = 0.2

    def __init__(self, repositories: Repositories, followers: Followers | None = None) -> None:
        self._repositories = repositories
        self._followers = followers
        self.kinds = (*_COLLECTIONS, Kind.FOLLOWERS) if followers else tuple(_COLLECTIONS)

    def page(self, grant: Grant, kind: Kind, cursor: str | None) -> Page:
        """Return a hundred of them."""
        if kind is Kind.FOLLOWERS and self._followers is not None:
            return self._followers.page(grant.actor_id, cursor)
        records, following = self._repositories.page(
            pds=grant.secret["pds"],
            did=grant.actor_id,
            collection=_COLLECTIONS[kind],
            cursor=cursor,
        )
        return Page(actors=frozenset(ActorId(r.subject) for r in records), cursor=following)
