"""Standing reconnection: people who arrive become rows for those who wished so, within a minute."""

from __future__ import annotations

from collections.abc import Sequence

from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Deed, Match, Standing, UserId
from openportability.matching import rules
from openportability.matching import service as matching
from openportability.matching import store as sets
from openportability.reconnection import lane_store, move_store, planning, store
from openportability.reconnection.ledger import Known
from openportability.reconnection.plan import Mine, Row, Verdict, decide
from openportability.reconnection.rules import UNAVAILABLE, Origin, State
from openportability.site import Site


def is_automatic(tx: Tx, user: UserId) -> bool:
    """Say whether whoever arrives is followed for a person without asking."""
    return _wish(tx, user) is Standing.AUTOMATIC


def propose(site: Site, user: UserId) -> int:
    """Want the follows that a person's standing wish asks for; return how many are new.

    Visibility, blocks, dismissals and consent are read now, in the same transaction. Killed
    meanwhile, it is done again.
    """
    added = 0
    with site.db.read() as tx:
        change = sets.change_of(tx, user)
        wish = _wish(tx, user)
    if wish is not Standing.OFF:
        with site.db.write() as tx:
            added = _propose(tx, site, user)
    if change:
        with site.db.write() as tx:
            sets.looked_at(tx, user, change)
    return added


def _propose(tx: Tx, site: Site, user: UserId) -> int:
    wish = _wish(tx, user)
    if wish is Standing.OFF:
        return 0
    automatic = wish is Standing.AUTOMATIC
    wanted: dict[State, list[Match]] = {State.READY: [], State.PROPOSED: []}
    for match in matching.arrived(tx, site, user):
        unasked = automatic and rules.unasked(match)
        wanted[State.READY if unasked else State.PROPOSED].append(match)
    added = 0
    for state, matches in wanted.items():
        if rows := _newcomers(tx, site, user, matches):
            added += planning.want(
                tx, site, user, rows, origin=Origin.STANDING, plan_id=None, state=state
            )
    return added


def _wish(tx: Tx, user: UserId) -> Standing:
    """Return what a person chose; off for who has left."""
    chosen = accounts.user(tx, user)
    return chosen.standing if chosen else Standing.OFF


def accept_proposed(tx: Tx, site: Site, user: UserId) -> int:
    """Make ready what was proposed, but for whom the person has put aside since: there the answer was no."""
    lane_store.hold_all(tx, user)
    now = site.clock.now()
    if put_aside := matching.set_aside(tx, site, user):
        key = accounts.personal_key(tx, site.vault, user)
        rows = move_store.rows_about(tx, key, user, sorted(put_aside))
        store.move_all(tx, user, State.PROPOSED, State.CANCELLED, now, rows=rows)
    done = store.move_all(tx, user, State.PROPOSED, State.READY, now)
    for account in planning.followers(tx, site, user):
        planning.wake_lane(tx, site, account.id)
    return done


def _newcomers(tx: Tx, site: Site, user: UserId, matches: Sequence[Match]) -> list[Row]:
    """Return decisions for people who arrived and whom the ledger does not know in any state.

    Who was there when the lists came was the person's own choice to make. Who could not be
    followed because they hid, and is visible again, has arrived once more.
    """
    if not matches:
        return []
    key = accounts.personal_key(tx, site.vault, user)
    ledger = store.known(tx, key, user, Deed.FOLLOW)
    mine = [
        Mine(
            account=account.id,
            network=account.actor.network,
            actor_id=account.actor.id,
            following=None,
        )
        for account in planning.followers(tx, site, user)
    ]
    return [
        row
        # Copies that bridges keep are followed by themselves never.
        for row in decide(matches, mine, ledger, site.clock.now(), {})
        if row.verdict is Verdict.NEW and _unknown(ledger.get((row.account, row.whom)))
    ]


def _unknown(known: Known | None) -> bool:
    return known is None or (known.state, known.reason) == (State.CANCELLED, UNAVAILABLE)
