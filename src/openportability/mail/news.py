"""Who arrived and is not followed yet: what a mail counts."""

from __future__ import annotations

from datetime import datetime

from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Deed, UserId
from openportability.matching import service as matching
from openportability.matching import store as sets
from openportability.matching.rules import Bit
from openportability.reconnection import planning, store
from openportability.reconnection.rules import State
from openportability.site import Site


def arrived(tx: Tx, site: Site, user: UserId, since: datetime, until: datetime) -> int:
    """Return how many people a person followed came from one moment until before another, and are not
    followed again.

    Left out: who is in the ledger in any state but proposed, and who stands in a list of whom the
    person follows on a network where we follow for them.
    """
    key = accounts.personal_key(tx, site.vault, user)
    ledger = store.known(tx, key, user, Deed.FOLLOW)
    settled = {whom for (_, whom), row in ledger.items() if row.state is not State.PROPOSED}
    mine = {account.actor.network for account in planning.followers(tx, site, user)}
    matches = [
        match
        for match in matching.arrived(tx, site, user)
        if since <= match.since < until and match.evidence.i_follow
    ]
    there = [a.id for match in matches for a in match.accounts if a.actor.network in mine]
    met = sets.open_whole(tx, {user: key}).get(user)
    bits = met.bits_of(there) if met is not None else {}
    followed = {number for number, bit in bits.items() if Bit.I_FOLLOW in bit}
    return sum(
        not any(account.id in settled | followed for account in match.accounts) for match in matches
    )
