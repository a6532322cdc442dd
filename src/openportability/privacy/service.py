"""Taking everything out; and leaving: all of a person goes in one transaction, and grants are given back."""

from __future__ import annotations

import time
from datetime import datetime

from openportability.accounts import grant_store
from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.archives import service as archives
from openportability.clock import monotonic
from openportability.db.engine import Tx
from openportability.domain import UserId
from openportability.errors import NotFound
from openportability.matching import service as matching
from openportability.privacy import form, own_forms, receipt, store, taking
from openportability.privacy.receipt import Receipt
from openportability.reconnection import service as reconnection
from openportability.site import Site
from openportability.vault import Unreadable

#: How long a slice that is under way may take to notice; it looks before each call to a network.
_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.1


def export(site: Site, user: UserId) -> bytes:
    """Return everything about a person, as a zip."""
    with site.db.read() as tx:
        taken = taking.document(tx, site, user)
    return form.packed(taken, own_forms.files(site.networks, taken))


def leave(site: Site, user: UserId) -> str:
    """Stop what is under way, then delete everything about a person at once; return a signed receipt.

    Grants go on without a name, to be revoked. What others' lists say of the person stays sealed
    with those others; it leads to nobody any more.
    """
    with site.db.write() as tx:
        reconnection.pause(tx, user)
    _wait_for_slices(site, user)
    with site.db.write() as tx:
        if not store.hold(tx, user):
            raise NotFound
        deleted = _erase(tx, site, user)
    told = Receipt(site=site.settings.base_url, at=site.clock.now(), deleted=deleted)
    return receipt.issue(site.vault, told)


def forget(site: Site, user: UserId, since: datetime) -> None:
    """Erase who was not here since then; who came back or is being served this moment stays."""
    with site.db.write() as tx:
        # Asked while nobody can change it: who comes in this moment is seen here, or is too late.
        away = store.hold(tx, user) and store.is_unseen(tx, user, since)
        if away and not store.is_being_served(tx, user):
            _erase(tx, site, user)


def _erase(tx: Tx, site: Site, user: UserId) -> dict[str, int]:
    key = accounts.personal_key(tx, site.vault, user)
    for account in accounts.accounts_of(tx, user):
        matching.keep_spent(tx, site, account)
        archives.keep_spent(tx, site, account)
        grant = grant_store.live_grant(tx, key, account.id)
        if grant is not None:
            accounts_service.end_grant(tx, site, grant)
    accounts.note_gone(tx)
    return store.erase_rows(tx, user)


def user_id(site: Site, shown: str) -> UserId:
    """Return the person behind an id as `GET /me` shows it; an invented one is nobody's."""
    try:
        number = UserId(site.vault.read_id("user", shown))
    except Unreadable:
        raise NotFound from None
    with site.db.read() as tx:
        if accounts.user(tx, number) is None:
            raise NotFound
    return number


def _wait_for_slices(site: Site, user: UserId) -> None:
    give_up = monotonic() + _PATIENCE_SECONDS
    while monotonic() < give_up:
        with site.db.read() as tx:
            if not store.is_being_served(tx, user):
                return
        time.sleep(_LOOK_SECONDS)
