"""Lists of a person's own account, from the records in their repository. Followers are not in it."""

from __future__ import annotations

from openportability.domain import ActorId, Grant, Kind
from openportability.network import Page
from openportability.networks.bluesky.records import Repositories
from openportability.networks.bluesky.scopes import FOLLOW

BLOCK = "app.bsky.graph.block"
_COLLECTIONS = {Kind.FOLLOWING: FOLLOW, Kind.BLOCKED: BLOCK}


class Lists:
    """Follows and blocks: both are public records."""

    kinds = tuple(_COLLECTIONS)
    #: Reading is not counted in points, but a page need not follow at once.
    gap_seconds = 0.1

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    def page(self, grant: Grant, kind: Kind, cursor: str | None) -> Page:
        """Return a hundred of them."""
        records, following = self._repositories.page(
            pds=grant.secret["pds"],
            did=grant.actor_id,
            collection=_COLLECTIONS[kind],
            cursor=cursor,
        )
        return Page(actors=frozenset(ActorId(r.subject) for r in records), cursor=following)
