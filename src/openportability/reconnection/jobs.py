"""Lanes are served; newcomers become wishes; who signed in again goes on."""

from __future__ import annotations

from collections.abc import Iterable

from openportability.domain import AccountId, UserId
from openportability.errors import SignedOut
from openportability.jobs.port import Chore, Job, Wake
from openportability.matching import store as sets
from openportability.reconnection import lane_store, plan_store, standing
from openportability.reconnection.slice import Lanes
from openportability.site import Site

#: Lanes woken by one look; the rest is found by the next.
_LANES = 5_000
#: People whose matches changed, woken by one look.
_PEOPLE = 10_000


def work(site: Site) -> tuple[list[Job], list[Chore]]:
    """Return the jobs and chores of this folder."""
    lanes = Lanes(site)

    def serve_lane(key: str) -> None:
        if lanes.serve(AccountId(int(key))):
            site.engine.wake(Wake(job="serve-lane", key=key))

    def propose(key: str) -> None:
        standing.propose(site, UserId(int(key)))

    def due_lanes() -> Iterable[Wake]:
        now = site.clock.now()
        with site.db.read() as tx:
            again = lane_store.signed_in_again(tx)
            holders = lane_store.holders(tx)
        if gone := site.db.presence.gone(holders):
            with site.db.write() as tx:
                lane_store.let_go(tx, gone)
        if again:
            with site.db.write() as tx:
                lane_store.reopen(tx, again, now)
        networks = [name for name, network in site.networks.items() if network.destination]
        with site.db.read() as tx:
            due = lane_store.due_lanes(tx, networks, now, _LANES)
        return [Wake(job="serve-lane", key=str(account)) for account in due]

    def changed_matches() -> Iterable[Wake]:
        with site.db.read() as tx:
            changed = sets.changed(tx, _PEOPLE)
        return [Wake(job="propose", key=str(user)) for user in changed]

    def signed_out() -> Iterable[Wake]:
        """Ask for a sign-in where a grant ended while there was nothing to follow."""
        with site.db.read() as tx:
            ended = lane_store.signed_out_elsewhere(tx)
        if ended:
            with site.db.write() as tx:
                lane_store.sign_out(tx, ended, SignedOut.default_code)
        return ()

    def purge() -> Iterable[Wake]:
        with site.db.write() as tx:
            plan_store.drop_expired(tx, site.clock.now())
        return ()

    return (
        [Job(name="serve-lane", run=serve_lane), Job(name="propose", run=propose)],
        [
            Chore(name="due-lanes", seconds=5, look=due_lanes),
            Chore(name="signed-out", seconds=600, look=signed_out),
            Chore(name="standing", seconds=20, look=changed_matches),
            Chore(name="purge-plans", seconds=3600, look=purge),
        ],
    )
