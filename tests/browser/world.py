"""The demo as journeys see it: the running site, and people of its world who are not members yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from openportability.demo import stage
from openportability.demo.stage import DESTINATIONS, SOURCE, Resident
from openportability.domain import NetworkName
from openportability.site import Site

Home = dict[NetworkName, Resident]
Follows = Mapping[NetworkName, Counter[str]]


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The demo, and people of its world who are not members yet."""

    site: Site
    url: str
    homes: Mapping[int, Home]
    newcomer: Home
    others: Iterator[Home]

    def follows(self, home: Home) -> Follows:
        """Ask the simulated networks whom somebody follows."""
        return {
            network: Counter(stage.follows(self.site, home[network])) for network in DESTINATIONS
        }

    def home_of(self, handle: str) -> Home:
        """Return who has this handle on the old network."""
        return next(home for home in self.homes.values() if home[SOURCE].handle == handle)
