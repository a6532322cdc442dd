"""A grant that is good for the next minutes: refreshed under its lease, because a refresh token works once."""

from __future__ import annotations

import secrets
import time
from datetime import datetime, timedelta

from openportability.accounts import grant_store, service, store
from openportability.clock import monotonic
from openportability.domain import Account, Grant
from openportability.errors import SignedOut, Unavailable
from openportability.site import Site

#: A grant that ends sooner is refreshed before it is used: longer than one slice of work.
_MARGIN = timedelta(minutes=2)
_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.1


def usable_grant(site: Site, account: Account, known: Grant | None = None) -> Grant:
    """Return a grant that will not end under the caller's hands; raise `SignedOut` without one.

    `known` is the one that the caller has just read, if any.

    Whoever gets the lease asks the network, once; the others wait for what it brings.
    """
    if known is not None and not _ends_soon(known, site.clock.now()):
        return known
    give_up = monotonic() + _PATIENCE_SECONDS
    token = secrets.token_hex(16)
    while True:
        grant = kept_grant(site, account)
        if not _ends_soon(grant, site.clock.now()):
            return grant
        if _lease(site, account, token):
            return _refreshed(site, account, token)
        if monotonic() > give_up:
            raise Unavailable("net.busy", host=account.actor.instance)
        time.sleep(_LOOK_SECONDS)


def _refreshed(site: Site, account: Account, token: str) -> Grant:
    sign_in = site.networks[account.actor.network].sign_in
    # Read again under the lease: somebody may have refreshed between our look and our lease.
    grant = kept_grant(site, account)
    try:
        if sign_in is None or not _ends_soon(grant, site.clock.now()):
            return grant
        return _save(site, account, sign_in.refresh(grant), token)
    except SignedOut:
        with site.db.write() as tx:
            grant_store.kill_leased(tx, account.id, token)
        raise
    finally:
        with site.db.write() as tx:
            grant_store.release(tx, account.id, token)


def kept_grant(site: Site, account: Account) -> Grant:
    """Return the grant as it is, perhaps ended; raise `SignedOut` without one."""
    with site.db.read() as tx:
        grant = None
        if (now := store.account(tx, account.id)) is not None:
            key = store.personal_key(tx, site.vault, now.user)
            grant = grant_store.live_grant(tx, key, account.id)
    if grant is None:
        raise SignedOut
    return grant


def _lease(site: Site, account: Account, token: str) -> bool:
    with site.db.write() as tx:
        return grant_store.lease(tx, account.id, token, site.clock.now())


def _save(site: Site, account: Account, fresh: Grant, token: str) -> Grant:
    """Keep what the network gave, unless the person signed in again or left it meanwhile.

    The account may be another user's by now: then they joined two of theirs into one.
    """
    with site.db.write() as tx:
        if (now := store.account(tx, account.id)) is not None:
            key = store.personal_key(tx, site.vault, now.user)
            if grant_store.save_refreshed(tx, key, account.id, fresh, token):
                return fresh
        service.end_grant(tx, site, fresh)
    return kept_grant(site, account)


def _ends_soon(grant: Grant, now: datetime) -> bool:
    return grant.expires_at is not None and grant.expires_at - now < _MARGIN
