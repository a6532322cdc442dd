"""What a person imports at the network themselves: a file of follows that we then do not make."""

from __future__ import annotations

from dataclasses import dataclass

from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Account, NetworkName, UserId
from openportability.errors import NotFound
from openportability.network import FollowsFile, Room
from openportability.reconnection import lane_store, planning, reach, reading, rules, store
from openportability.reconnection.rules import State
from openportability.site import Site


@dataclass(frozen=True, kw_only=True)
class Made:
    """The file as it is downloaded."""

    name: str
    body: bytes


def room_on(site: Site, user: UserId, network: NetworkName) -> Room | None:
    """Ask what room is left for the account that follows on a network. Raise `NotFound` where none takes a file."""
    with site.db.read() as tx:
        account, _ = _way(tx, site, user, network)
    return reading.room(site, account)


def hand_over(tx: Tx, site: Site, user: UserId, network: NetworkName, left: Room | None) -> int:
    """Put what was not sent yet into the person's file, as much as one import takes; return how many.

    Who cannot be written there is followed by us, as before.
    """
    account, form = _way(tx, site, user, network)
    lane_store.hold_all(tx, user)
    key = accounts.personal_key(tx, site.vault, user)
    ready = store.unsent(tx, key, account, State.READY)
    whom = reach.shown(tx, site, user, [row.place for row in ready])
    before = len(store.unsent(tx, key, account, State.HANDED))
    most = max(0, min(form.most, left.in_a_file if left else form.most) - before)
    fit = [row.id for row in ready if row.place in whom and form.takes(whom[row.place].actor)]
    now = site.clock.now()
    return store.move_all(
        tx,
        user,
        State.READY,
        State.HANDED,
        now,
        rows=fit[:most],
        due=rules.handed_over(now),
    )


def take_back(tx: Tx, site: Site, user: UserId, network: NetworkName) -> int:
    """Follow for the person what is in their file and did not arrive; return how many that are."""
    account, _ = _way(tx, site, user, network)
    lane_store.hold_all(tx, user)
    key = accounts.personal_key(tx, site.vault, user)
    rows = [row.id for row in store.unsent(tx, key, account, State.HANDED)]
    count = store.move_all(tx, user, State.HANDED, State.READY, site.clock.now(), rows=rows)
    planning.wake_lane(tx, site, account.id)
    return count


def file(tx: Tx, site: Site, user: UserId, network: NetworkName) -> Made:
    """Make the file: whom we handed over and who may still be seen. It can be taken again."""
    account, form = _way(tx, site, user, network)
    key = accounts.personal_key(tx, site.vault, user)
    rows = store.unsent(tx, key, account, State.HANDED)
    whom = reach.shown(tx, site, user, [row.place for row in rows])
    body = form.write([whom[row.place].actor for row in rows if row.place in whom])
    return Made(name=form.name, body=body)


def _way(tx: Tx, site: Site, user: UserId, network: NetworkName) -> tuple[Account, FollowsFile]:
    for account in planning.followers(tx, site, user):
        form = site.networks[account.actor.network].follows_file
        if account.actor.network == network and form is not None:
            return account, form
    raise NotFound
