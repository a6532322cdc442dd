"""A simulated network with few people, someone signed in, and what tests ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from openportability.clock import MovedClock
from openportability.domain import Actor, Grant, Purpose, Wanted
from openportability.network import Answers, Asked, Destination, Network, Page, Served
from openportability.networks.fake.residents import Role
from openportability.networks.fake.way import Way, within
from openportability.networks.fake.world import shared_world
from tests.networks.fake.contract import Simulated
from tests.networks.subject import a_door


class Stage:
    """One person of one simulated network, and the network's other side."""

    def __init__(
        self,
        role: Role,
        *,
        clock: MovedClock | None = None,
        way: Way | None = None,
        people: int = 10,
        **options: str,
    ) -> None:
        self.clock = clock or MovedClock()
        self.door = a_door(self.clock)
        self.world = shared_world(seed="1", people=people, clock=self.clock)
        self.subject = Simulated(
            role,
            clock=self.clock,
            door=self.door,
            way=way or within(self.world),
            options={"ROLE": role, "PEOPLE": str(people), **options},
        )
        self.network: Network = self.subject.network

    @property
    def destination(self) -> Destination:
        assert self.network.destination
        return self.network.destination

    def somebody(self) -> tuple[Actor, Grant]:
        """Return somebody new who lets us follow for them."""
        who = self.subject.person()
        grant = self.subject.sign_in(who, Purpose.FOLLOW).grant
        assert grant
        return who, grant

    def strangers(self, count: int) -> list[Wanted]:
        """Return people to follow, with the records that their follows will have."""
        records = self.destination.reserve(count)
        return [Wanted(actor=self.subject.person(), record=record) for record in records]

    def follow(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Follow them in one call."""
        return self.destination.follow(grant, wanted)

    def everybody_followed(self, grant: Grant) -> list[Page]:
        """Return all pages of whom the owner of the grant follows."""
        pages = [self.destination.following(grant, None)]
        while pages[-1].cursor:
            pages.append(self.destination.following(grant, pages[-1].cursor))
        return pages

    def page(
        self,
        url: str,
        *,
        method: str = "GET",
        form: Mapping[str, str] | None = None,
        **query: str,
    ) -> Served:
        """Ask for one of the network's own pages."""
        parts = urlsplit(url)
        (document,) = [one for one in self.network.documents if one.path.endswith(parts.path)]
        asked = {**dict(parse_qsl(parts.query)), **query}
        return document.serve(Asked(method=method, query=asked, form=form or {}))
