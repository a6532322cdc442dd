"""Serve a lane once: claim, look, ask, record, release. No transaction is open while the network is asked.

Killed anywhere, the next slice finds a lease that lapsed and rows that say what was asked for; it asks the network
what exists and goes on from there. So at-least-once work makes exactly one follow.

    killed after    what is left                    what the next slice finds
    claim           a lease                         it lapses; served again
    ask, unsent     asked_at and the record key     nothing there: sent, under the same key
    ask, sent       the same, and the follow        our record, or a follow since asked_at: followed, not already
    record          right rows                      a lease that lapses, and the rest of the work
"""

from __future__ import annotations

import logging

from openportability.accounts import service as accounts
from openportability.accounts.refresh import usable_grant
from openportability.domain import AccountId, Grant
from openportability.errors import NetworkError, SignedOut, Unavailable, without_words
from openportability.reconnection import claiming, following, undoing
from openportability.reconnection.claiming import Slice
from openportability.site import Site

log = logging.getLogger(__name__)


def serve_lane(site: Site, account: AccountId) -> bool:
    """Serve a lane once, if it is due; say whether it is due again right away."""
    work = claiming.claim(site, account)
    if work is None:
        return False
    asked, failure = 0, None
    try:
        if work.undo or work.follow or work.look:
            asked = _serve(site, work)
    except NetworkError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - the last door: a lane must not be lost to a mistake of ours
        log.error("slice_failed", extra=without_words(error))
        failure = Unavailable("svc.internal")
    return claiming.release(site, work, asked, failure)


def _serve(site: Site, work: Slice) -> int:
    grant = usable_grant(site, work.account)
    if not grant.can_follow:
        # Good for reading who they are: it is kept, and the person is asked for more.
        raise SignedOut("net.scope_missing")
    try:
        return undoing.undo(site, work, grant) if work.undo else following.follow(site, work, grant)
    except SignedOut:
        _end(site, work, grant)
        raise


def _end(site: Site, work: Slice, used: Grant) -> None:
    """Note that the network no longer accepts a grant, unless we live by a newer one by now."""
    if not accounts.is_kept(site, used):
        raise Unavailable("net.busy", host=work.account.actor.instance)
    accounts.forget_grant(site, work.account)
