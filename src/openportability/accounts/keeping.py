"""Accounts seen to once a week while nobody is here: their grants stay alive, names right, copies known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from openportability.accounts import grant_store, refresh, service, store, twins
from openportability.domain import Account, AccountId, Actor, Standing
from openportability.errors import NetworkError, SignedOut, Throttled, Unavailable
from openportability.site import Site

#: Asked again so much later where a server is away.
_AGAIN = timedelta(days=1)


def see_to(site: Site, account_id: AccountId) -> None:
    """Refresh the grant of who waits for arrivals, and note what the account is called now."""
    now = site.clock.now()
    again_at, next_at = now + _AGAIN, now + grant_store.TURN
    with site.db.write() as tx:
        taken = grant_store.take_turn(tx, account_id, now=now, again_at=again_at)
        account = store.account(tx, account_id) if taken else None
    if account is None:
        return
    try:
        _see_to(site, account)
        twins.look_up(site, account)
    except (Throttled, Unavailable):
        return
    except NetworkError:
        pass  # signed out is noted, and the person is told; what is gone shows when it is followed
    with site.db.write() as tx:
        grant_store.end_turn(tx, account_id, again_at=again_at, next_at=next_at)


def _see_to(site: Site, account: Account) -> None:
    network = site.networks.get(account.actor.network)
    if network is None or network.sign_in is None:
        return
    grant = refresh.kept_grant(site, account)
    if grant.can_follow and _waits(site, account):
        grant = refresh.usable_grant(site, account)
    try:
        seen = network.sign_in.look(grant, account.actor)
    except SignedOut:
        if service.is_kept(site, grant):  # else they signed in again meanwhile
            service.forget_grant(site, account)
        raise
    _note(site, account, seen)


def _waits(site: Site, account: Account) -> bool:
    with site.db.read() as tx:
        user = store.user(tx, account.user)
    return user is not None and user.standing is not Standing.OFF


def _note(site: Site, account: Account, now: Actor) -> None:
    """Keep what has changed. To be seen again by a machine alone is no news of somebody gone."""
    if replace(now, seen_at=account.actor.seen_at) != account.actor:
        with site.db.write() as tx:
            store.see_actor(tx, account.id, now)
