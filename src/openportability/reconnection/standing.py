"""Standing reconnection: people who arrive become rows for those who wished so, within a minute."""

from __future__ import annotations

from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Standing, UserId
from openportability.matching import service as matching
from openportability.matching import store as sets
from openportability.matching.service import Selection
from openportability.reconnection import lane_store, planning, store
from openportability.reconnection.plan import Mine, Row, Verdict, decide
from openportability.reconnection.rules import Origin, State
from openportability.site import Site

_CURSOR = "reconnection.standing"
#: People whose matches changed, looked at in one go.
_USERS = 200


def look(site: Site) -> None:
    """Look at those whose matches changed since the last look; killed meanwhile, look again."""
    with site.db.read() as tx:
        users, seq = sets.changed_since(tx, sets.cursor(tx, _CURSOR), _USERS)
    for user in users:
        propose(site, user)
    if users:
        with site.db.write() as tx:
            sets.move_cursor(tx, _CURSOR, seq)


def propose(site: Site, user: UserId) -> int:
    """Want the follows that a person's standing wish asks for; return how many are new.

    Visibility, blocks, dismissals and consent are read now, in the same transaction.
    """
    with site.db.write() as tx:
        chosen = accounts.user(tx, user)
        if chosen is None or chosen.standing is Standing.OFF:
            return 0
        state = State.READY if chosen.standing is Standing.AUTOMATIC else State.PROPOSED
        rows = _newcomers(tx, site, user)
        if not rows:
            return 0
        return planning.want(
            tx, site, user, rows, origin=Origin.STANDING, plan_id=None, state=state
        )


def accept_proposed(tx: Tx, site: Site, user: UserId) -> int:
    """Make ready what was proposed."""
    lane_store.hold_all(tx, user)
    done = store.move_all(tx, user, State.PROPOSED, State.READY, site.clock.now())
    for account in planning.followers(tx, site, user):
        planning.wake_lane(tx, site, account.id)
    return done


def _newcomers(tx: Tx, site: Site, user: UserId) -> list[Row]:
    """Return decisions for people who arrived and whom the ledger does not know in any state.

    Who was there when the lists came was the person's own choice to make.
    """
    everyone = matching.chosen(tx, site, user, Selection())
    matches = [match for match in everyone if match.arrived]
    key = accounts.personal_key(tx, site.vault, user)
    ledger = store.states_of(tx, key, user)
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
        for row in decide(matches, mine, ledger)
        if row.verdict is Verdict.NEW and (row.account, row.whom) not in ledger
    ]
