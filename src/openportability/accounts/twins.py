"""Copies that a bridge keeps of a person on networks where they are not: looked for if they wish, once a week.

The person said that others may follow them, the bridge's own document names the account that they proved here
(`Network.twin`); either alone is not believed. Where the person is themselves, no copy of them counts.
"""

from __future__ import annotations

from functools import partial

from openportability.accounts import grant_store, store, twin_store, unlisting_store
from openportability.db.engine import Tx
from openportability.domain import Account, Actor, NetworkName, Proof, UserId
from openportability.jobs.port import Wake
from openportability.site import Site


def obey(tx: Tx, site: Site, user: UserId, *, wished: bool) -> None:
    """Look for a person's copies soon, or forget them at once."""
    if wished:
        look_soon(tx, site, user)
    else:
        twin_store.drop_of(tx, user)


def arrive(tx: Tx, site: Site, account: Account) -> None:
    """Let who has proved an account be themselves there: no copy counts; those of the new one are looked for."""
    twin_store.drop_ended_by(tx, account)
    chosen = store.user(tx, account.user)
    if chosen is not None and chosen.bridged:
        look_soon(tx, site, account.user)


def look_soon(tx: Tx, site: Site, user: UserId) -> None:
    """Have a person's accounts seen to now instead of within a week."""
    grant_store.hurry_turns(tx, user, site.clock.now())
    for account in store.accounts_of(tx, user):
        tx.after(partial(site.engine.wake, Wake(job="see-to-account", key=str(account.id))))


def look_up(site: Site, account: Account) -> None:
    """Ask each network where a person is not for the copy of this account; raise what keeps us from knowing."""
    with site.db.read() as tx:
        user = store.user(tx, account.user)
        asked = _elsewhere(tx, site, account) if user and user.bridged else ()
    found = [(name, twin(account.actor)) for name in asked if (twin := site.networks[name].twin)]
    if not found:
        return
    with site.db.write() as tx:
        # What they chose, linked or unlinked meanwhile counts.
        if not twin_store.hold_wish(tx, account.user):
            return
        still = _elsewhere(tx, site, account)
        for name, copy in found:
            if copy is None or _is_somebody(tx, site, copy):
                twin_store.drop(tx, account.id, name)
            elif name in still:
                twin_store.put(tx, account, copy)


def _is_somebody(tx: Tx, site: Site, copy: Actor) -> bool:
    """Say whether an actor is somebody's own by a sign-in, who is here or wants never to be listed."""
    proved = store.account_of_actor(tx, copy.network, copy.id)
    return proved is not None or unlisting_store.is_never_listed(tx, site.vault, copy)


def _elsewhere(tx: Tx, site: Site, account: Account) -> list[NetworkName]:
    """Return the networks that may have a copy of an account: where bridges are, and its person is not."""
    proved = [one for one in store.accounts_of(tx, account.user) if one.proof is Proof.PROVED]
    if account.id not in {one.id for one in proved}:
        return []
    there = {one.actor.network for one in proved}
    return [name for name, network in site.networks.items() if network.twin and name not in there]
