"""The ledger at a real PDS that keeps its limits: to the limit, on when it says, and all of it taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest

from lab import servers
from openportability.accounts import grant_store
from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Database, Tx
from openportability.domain import (
    Account,
    Actor,
    ActorId,
    Deed,
    Found,
    Grant,
    Pace,
    Proof,
    UserId,
)
from openportability.reconnection import jobs, lane_store, planning, service, store
from openportability.reconnection.lane import Lane
from openportability.reconnection.plan import Row, Verdict
from openportability.reconnection.rules import Origin, State
from openportability.reconnection.slice import serve_lane
from openportability.site import Site
from tests import cast
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.people import Person, new_person, signed_in
from tests.real import pds

FOLLOWS = 2_000
#: What they spend of their own hour: less is left than our part of it.
BY_HAND = 510
A_BATCH = 170
POINTS, POINTS_AN_HOUR = 3, 5_000


@pytest.fixture
def strict() -> Iterator[servers.Atproto]:
    """A network of its own, with the limits of the public servers and time that can be moved."""
    with servers.atproto("--rate-limits", "--moved-clock") as net:
        yield net


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_two_thousand_follows_wait_as_the_server_says_and_are_taken_back(
    db: Database, load: Load, strict: servers.Atproto, clock: MovedClock
) -> None:
    network = load(plc=strict.plc, resolver=strict.pds[0])
    site = cast.make_site(db, clock, [network], jobs=(jobs.work,))
    anna = new_person(strict.pds[0])
    assert network.sign_in
    proved = signed_in(network.sign_in, anna)
    me = _join(site, proved.actor, proved.grant)
    others = [pds.made_up_did() for _ in range(FOLLOWS)]
    by_hand = [pds.made_up_did() for _ in range(BY_HAND)]
    for first in range(0, BY_HAND, A_BATCH):
        anna.follows_all_by_hand(by_hand[first : first + A_BATCH])
    _want(site, me, others)

    hours: list[list[str]] = []
    while _waiting(site, me):
        assert len(hours) < 6, _lane(site, me)
        _serve(site, me)
        hours.append(_follows(anna))
        if len(hours) == 1:
            lane = _lane(site, me)
            assert lane.next_at == lane.reset_at, "it comes back when the headers said"
        strict.an_hour_passes()
        clock.forward(hours=1)
    assert BY_HAND < len(hours[0]) <= POINTS_AN_HOUR // POINTS
    assert sorted(hours[-1]) == sorted(others + by_hand)

    with db.write() as tx:
        service.undo(tx, site, me.user)
    for _ in range(2):  # what the last hour spent leaves less than all of them need
        _serve(site, me)
        strict.an_hour_passes()
        clock.forward(hours=1)
    assert sorted(_follows(anna)) == sorted(by_hand)
    with db.read() as tx:
        assert store.counts(tx, me.user)[Deed.FOLLOW] == {(me.id, State.UNDONE): FOLLOWS}


def _join(site: Site, actor: Actor, grant: Grant | None) -> Account:
    assert grant
    with site.db.write() as tx:
        user = accounts.create_user(tx, site.vault, "en", site.clock.now())
        accounts.choose(tx, user, pace=Pace.FULL)
        account = _add(tx, site, user, actor)
        key = accounts.personal_key(tx, site.vault, user)
        grant_store.put_grant(tx, key, user, account.id, grant, site.clock.now())
    return account


def _want(site: Site, me: Account, dids: list[str]) -> None:
    with site.db.write() as tx:
        # Whose accounts they are is of no matter here.
        one = accounts.create_user(tx, site.vault, "en", site.clock.now())
        accounts.choose(tx, one, found=Found.ANYONE)
        whom = [_add(tx, site, one, replace(me.actor, id=ActorId(did))) for did in dids]
        rows = [
            Row(
                account=me.id,
                whom=other.id,
                network=me.actor.network,
                verdict=Verdict.NEW,
                rank=0,
            )
            for other in whom
        ]
        planning.want(tx, site, me.user, rows, origin=Origin.MANUAL, plan_id=None)


def _add(tx: Tx, site: Site, user: UserId, actor: Actor) -> Account:
    key = accounts_service.key_of(site, actor.network, actor.id)
    return accounts.add_account(tx, user, actor, key, Proof.PROVED)


def _serve(site: Site, me: Account) -> None:
    while serve_lane(site, me.id):
        pass


def _waiting(site: Site, me: Account) -> int:
    with site.db.read() as tx:
        return store.counts(tx, me.user)[Deed.FOLLOW].get((me.id, State.READY), 0)


def _lane(site: Site, me: Account) -> Lane:
    with site.db.read() as tx:
        (lane,) = lane_store.lanes_of(tx, me.user)
    return lane


def _follows(person: Person) -> list[str]:
    """Read the follows of somebody from their repository: one entry a record."""
    found, cursor = [], ""
    while True:
        listed = httpx2.get(
            f"{person.home}/xrpc/com.atproto.repo.listRecords",
            params={
                "repo": person.did,
                "collection": pds.FOLLOW,
                "limit": "100",
                **({"cursor": cursor} if cursor else {}),
            },
        ).json()
        found += [record["value"]["subject"] for record in listed["records"]]
        cursor = listed.get("cursor") or ""
        if not cursor:
            return found
