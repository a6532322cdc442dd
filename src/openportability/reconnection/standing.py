"""Standing reconnection: people who arrive become rows for those who wished so, within a minute."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Deed, Match, NetworkName, Standing, UserId
from openportability.matching import rules
from openportability.matching import service as matching
from openportability.matching import store as sets
from openportability.reconnection import lane_store, move_store, planning, reach, store
from openportability.reconnection.ledger import Known, Reconnection
from openportability.reconnection.plan import Mine, Row, Verdict, decide
from openportability.reconnection.rules import UNAVAILABLE, Origin, State
from openportability.site import Site

#: Why somebody is neither followed nor asked about: the wish that brought them was taken back.
WISH_ENDED = "standing.off"


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
    # A wish that changes now waits until what it brought is written, or is read here as it became.
    lane_store.hold_all(tx, user)
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


def heed(tx: Tx, site: Site, user: UserId, wish: Standing) -> None:
    """Let a wish hold at once for whom it brought and who is not followed yet, and for whom it would have brought."""
    if wish is not Standing.AUTOMATIC:
        lanes, now = lane_store.hold_all(tx, user), site.clock.now()
        brought = Origin.STANDING
        store.cancel(tx, user, now, origin=brought, after=State.PROPOSED)
        if wish is Standing.OFF:
            ended = State.PROPOSED, State.CANCELLED
            store.move_all(tx, user, *ended, now, origin=brought, reason=WISH_ENDED)
        planning.wake_lanes(tx, site, lanes)
    _propose(tx, site, user)


def put_aside(tx: Tx, site: Site, user: UserId, others: Collection[UserId]) -> int:
    """Put matches aside, and follow none of them: whoever wanted it before. Return how many there were."""
    count = matching.set_dismissed(tx, site, user, others, dismissed=True)
    lanes = lane_store.hold_all(tx, user)
    key = accounts.personal_key(tx, site.vault, user)
    theirs = [account.id for account in accounts.accounts_of_all(tx, sorted(others))]
    rows = move_store.rows_about(tx, key, user, theirs, Deed.FOLLOW)
    now = site.clock.now()
    store.cancel(tx, user, now, rows=rows)
    for before in (State.PROPOSED, State.HANDED):
        store.move_all(tx, user, before, State.CANCELLED, now, rows=rows)
    planning.wake_lanes(tx, site, lanes)
    return count


def accept_proposed(tx: Tx, site: Site, user: UserId, network: NetworkName | None = None) -> int:
    """Make ready what was proposed (on a network), but for whom the person has put aside since.

    There the answer was no. Who left or hides was not asked about: they go on waiting for that.
    """
    lanes = lane_store.hold_all(tx, user)
    no = matching.set_aside(tx, site, user)
    asked = _asked_about(tx, site, user, network)
    now = site.clock.now()
    refused = [row.id for row in asked if row.whom in no]
    store.move_all(tx, user, State.PROPOSED, State.CANCELLED, now, rows=refused)
    wanted = [row.id for row in asked if row.whom not in no]
    done = store.move_all(tx, user, State.PROPOSED, State.READY, now, rows=wanted)
    planning.wake_lanes(tx, site, lanes)
    return done


def refuse_proposed(tx: Tx, site: Site, user: UserId, network: NetworkName | None = None) -> int:
    """Cancel what was proposed (on a network); return how many that were."""
    lane_store.hold_all(tx, user)
    rows = [row.id for row in _asked_about(tx, site, user, network)]
    now = site.clock.now()
    return store.move_all(tx, user, State.PROPOSED, State.CANCELLED, now, rows=rows)


def _asked_about(
    tx: Tx, site: Site, user: UserId, network: NetworkName | None
) -> list[Reconnection]:
    """Return the proposals that the person sees: of whom they may be led to today."""
    rows = reach.proposed(tx, site, user)
    return [row for row, _whom in rows if network in (None, row.network)]


def _newcomers(tx: Tx, site: Site, user: UserId, matches: Sequence[Match]) -> list[Row]:
    """Return decisions for people who arrived and whom the ledger does not know in any state.

    Who was there when the lists came was the person's own choice to make. Who could not be
    followed because they hid, and is visible again, has arrived once more; so has whom the wish brought
    before it was taken back.
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
    passed = (UNAVAILABLE, WISH_ENDED)
    return known is None or (known.state is State.CANCELLED and known.reason in passed)
