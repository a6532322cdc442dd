"""Two users become one, as when the one has just proved to be the other."""

from __future__ import annotations

from openportability.accounts import session_store
from openportability.accounts.session_store import Offer
from openportability.domain import Account, UserId
from openportability.merging import service
from openportability.site import Site

SESSION = 1


def bring_together(site: Site, user: UserId, proved: Account) -> None:
    """Let `user`, who signed in with an account of somebody else, be that somebody as well."""
    offer = Offer(account=proved.id, other=proved.user)
    with site.db.write() as tx:
        session_store.offer_merge(tx, site.vault, SESSION, user, offer, site.clock.now())
    service.merge(site, user, SESSION)
