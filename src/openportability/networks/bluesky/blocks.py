"""Blocking people: records like those of follows, in a collection of their own. Anybody can read them."""

from __future__ import annotations

from collections.abc import Sequence

from openportability.domain import Grant, Wanted
from openportability.network import Answers
from openportability.networks.bluesky.client import BlueskyDestination
from openportability.networks.bluesky.scopes import BLOCK


class BlueskyBlocks:
    """The person's own repository, as a place to block in."""

    public = True

    def __init__(self, destination: BlueskyDestination) -> None:
        self._records = destination

    def reserve(self, count: int) -> Sequence[str | None]:
        """Return fresh record keys."""
        return self._records.reserve(count)

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Read all blocks of the person."""
        return Answers(of=self._records.ties(grant, BLOCK, wanted))

    def make(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Write one record for each, in one call."""
        return self._records.make(grant, BLOCK, wanted)

    def take_back(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        """Delete the records that are ours to the letter."""
        return self._records.take_back(grant, BLOCK, made)
