"""The ledger between two real servers, where some people decide themselves who follows them.

Two people, one at each server, want the same kinds of people on both. Time is moved for us only: the servers
deliver as they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest

from lab.servers import Snac
from openportability.accounts import grant_store
from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import Account, Actor, Found, Pace, Proof, Purpose
from openportability.reconnection import jobs, planning, service, store
from openportability.reconnection.plan import Row, Verdict
from openportability.reconnection.rules import Origin, State
from openportability.reconnection.slice import serve_lane
from openportability.site import Site
from tests import cast
from tests.networks.mastodon.contract import BetweenRealServers
from tests.networks.subject import a_door

pytestmark = pytest.mark.slow

#: Whom each of the two wants: one of each, at either server.
KINDS = ("open", "approving", "discarding")


class Hero:
    """Somebody who wants to follow people at both servers, and their ledger."""

    def __init__(self, site: Site, servers: BetweenRealServers, me: Account) -> None:
        self._site = site
        self._servers = servers
        self.me = me
        grant = servers.sign_in(me.actor, Purpose.FOLLOW).grant
        assert grant is not None
        with site.db.write() as tx:
            key = accounts.personal_key(tx, site.vault, me.user)
            grant_store.put_grant(tx, key, me.user, me.id, grant, site.clock.now())

    def wants(self, whom: list[Account]) -> None:
        network = self.me.actor.network
        rows = [
            Row(account=self.me.id, whom=one.id, network=network, verdict=Verdict.NEW, rank=0)
            for one in whom
        ]
        with self._site.db.write() as tx:
            planning.want(tx, self._site, self.me.user, rows, origin=Origin.MANUAL, plan_id=None)

    def is_served(self) -> None:
        """Do all that is due."""
        while serve_lane(self._site, self.me.id):
            pass

    def undoes(self) -> None:
        with self._site.db.write() as tx:
            service.undo(tx, self._site, self.me.user)

    def states(self) -> Mapping[int, State]:
        """Return what the ledger says of each account."""
        with self._site.db.read() as tx:
            key = accounts.personal_key(tx, self._site.vault, self.me.user)
            rows = store.page(tx, key, self.me.user, states=(), before=None, limit=100)
        return {row.whom: row.state for row in rows}

    def follows(self) -> list[str]:
        """Return whom the server itself says they follow, one entry a follow."""
        return sorted(self._servers.follows(self.me.actor))


class Town:
    """The two servers, a site, people at both."""

    def __init__(self, site: Site, clock: MovedClock, servers: BetweenRealServers) -> None:
        self.site = site
        self.clock = clock
        self.servers = servers
        heroes, by_hand = self._at_both(), self._at_both()
        #: Each kind at the first and at the second server.
        self.people = {kind: self._at_both(locked=kind != "open") for kind in KINDS}
        self.heroes = [Hero(site, servers, one) for one in heroes]
        self.by_hand = [one.actor.id for one in by_hand]
        for hero in self.heroes:
            for other in by_hand:
                servers.follow_by_hand(hero.me.actor, other.actor)

    def _at_both(self, *, locked: bool = False) -> list[Account]:
        return [self._joins(self.servers.person(locked=locked)) for _ in range(2)]

    def _joins(self, actor: Actor) -> Account:
        with self.site.db.write() as tx:
            user = accounts.create_user(tx, self.site.vault, "en", self.clock.now())
            accounts.choose(tx, user, found=Found.ANYONE, pace=Pace.FULL)
            key = accounts_service.key_of(self.site, actor.network, actor.id)
            return accounts.add_account(tx, user, actor, key, Proof.PROVED)

    def passes(self, time: timedelta) -> None:
        """Let what was sent arrive, and time go by; then our worker comes."""
        self.servers.settle()
        self.clock.forward(seconds=time.total_seconds())
        for hero in self.heroes:
            hero.is_served()

    def actors(self, *kinds: str) -> list[str]:
        return sorted(one.actor.id for kind in kinds for one in self.people[kind])

    def states(self, **of: State) -> dict[int, State]:
        """Return what a ledger should say where people of a kind are in a state."""
        return {one.id: state for kind, state in of.items() for one in self.people[kind]}


@pytest.fixture
def town(db: Database, clock: MovedClock, snacs: tuple[Snac, Snac]) -> Iterator[Town]:
    door = a_door(clock)
    servers = BetweenRealServers(snacs, clock=clock, door=door)
    site = cast.make_site(db, clock, [servers.network], jobs=(jobs.work,))
    yield Town(site, clock, servers)
    door.close()


def test_who_is_locked_is_followed_once_they_approve_and_undo_takes_back_exactly_ours(
    town: Town,
) -> None:
    for hero in town.heroes:
        hero.wants([one for kind in KINDS for one in town.people[kind]])
        hero.is_served()
        assert set(hero.states().values()) == {
            State.REQUESTED
        }  # none of the servers has agreed yet

    town.passes(timedelta(minutes=6))
    for hero in town.heroes:
        assert hero.states() == town.states(
            open=State.FOLLOWED, approving=State.REQUESTED, discarding=State.REQUESTED
        )
        assert hero.follows() == sorted([*town.by_hand, *town.actors("open")])

    for hero in town.heroes:
        for one in town.people["approving"]:
            town.servers.approve(one.actor, asked_by=hero.me.actor)
        for one in town.people["discarding"]:
            town.servers.discard(one.actor, asked_by=hero.me.actor)
    town.passes(timedelta(hours=2))
    for hero in town.heroes:
        # Such a server tells nobody of a no, and takes none from others: it stays a request.
        assert hero.states() == town.states(
            open=State.FOLLOWED, approving=State.FOLLOWED, discarding=State.REQUESTED
        )
        assert hero.follows() == sorted([*town.by_hand, *town.actors("open", "approving")])
        hero.undoes()

    town.passes(timedelta(minutes=1))
    for hero in town.heroes:
        assert set(hero.states().values()) == {State.UNDONE}
        assert hero.follows() == sorted(town.by_hand)
