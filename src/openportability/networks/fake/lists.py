"""Reading the lists of one's own account on a simulated network: whom one follows there."""

from __future__ import annotations

from openportability.domain import Grant, Kind
from openportability.network import Page
from openportability.networks.fake.client import Client


class Lists:
    """The list of followings, in the pages of the destination."""

    kinds: tuple[Kind, ...] = (Kind.FOLLOWING,)

    def __init__(self, client: Client) -> None:
        self._client = client
        self.gap_seconds = client.limits.gap_seconds

    def page(self, grant: Grant, kind: Kind, cursor: str | None) -> Page:
        return self._client.following(grant, cursor)
