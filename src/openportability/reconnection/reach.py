"""Who may be followed and shown today: read when it matters, not when a plan was made."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from openportability.accounts import line_store
from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Found, UserId
from openportability.matching import store as sets
from openportability.matching.rules import Bit
from openportability.site import Site
from openportability.vault import PersonalKey


def closed(tx: Tx, key: PersonalKey, user: UserId, whom: Collection[Account]) -> set[AccountId]:
    """Return who is not to be followed any more: they hide from this user, or this user avoids them.

    Evidence that went with a list is no reason: the person chose while it was there.
    """
    others = sorted({account.user for account in whom})
    lines = line_store.listed_of(tx, others)
    said = sets.open_whole(tx, key, user).bits_of([line.account for line in lines])
    hide: set[UserId] = set(others)
    avoided: set[UserId] = set()
    for line, bits in zip(lines, said, strict=True):
        if Bit.AVOIDED in bits:
            avoided.add(line.user)
        if line.found is Found.ANYONE or (line.found is Found.CONFIRMED and Bit.CONFIRMED in bits):
            hide.discard(line.user)
    return {account.id for account in whom if account.user in hide | avoided}


def shown(tx: Tx, site: Site, user: UserId, whom: Iterable[AccountId]) -> dict[AccountId, Account]:
    """Return those of these accounts that a user may see today. Who hides looks like who left."""
    known = accounts.accounts_by_id(tx, list(whom))
    key = accounts.personal_key(tx, site.vault, user)
    hidden = closed(tx, key, user, known.values()) if known else set()
    return {number: account for number, account in known.items() if number not in hidden}
