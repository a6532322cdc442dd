"""Who may be followed, blocked and shown today: read when it matters, not when a plan was made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from openportability.accounts import line_store
from openportability.accounts import store as accounts
from openportability.accounts.people import Listed
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Deed, Found, UserId
from openportability.matching import store as sets
from openportability.matching.rules import Bit
from openportability.matching.sets import MatchSet
from openportability.site import Site
from openportability.vault import PersonalKey


def closed(
    tx: Tx,
    keys: Mapping[UserId, PersonalKey],
    whom: Mapping[UserId, Collection[Account]],
    deed: Deed,
) -> dict[UserId, set[AccountId]]:
    """Return for each user who is not to be followed (blocked, muted) any more: they hide, or are avoided.

    Evidence that went with a list is no reason: the person chose while it was there.
    """
    met = sets.open_whole(tx, {user: keys[user] for user in whom})
    others = sorted({one.user for some in whom.values() for one in some})
    lines: dict[UserId, list[Listed]] = {}
    for line in line_store.listed_of(tx, others):
        lines.setdefault(line.user, []).append(line)
    return {user: _closed(met.get(user), some, lines, deed) for user, some in whom.items()}


def withdrawn(tx: Tx, whom: Collection[AccountId]) -> set[AccountId]:
    """Return those of these accounts that nobody is led to any more: their people hide from all, or left."""
    lines = line_store.listed_by_id(tx, sorted(whom)) if whom else []
    return set(whom) - {line.account for line in lines if line.found is not Found.NOBODY}


def _closed(
    met: MatchSet | None,
    whom: Collection[Account],
    lines: Mapping[UserId, Sequence[Listed]],
    deed: Deed,
) -> set[AccountId]:
    theirs = [line.account for one in whom for line in lines.get(one.user, ())]
    bits = met.bits_of(theirs) if met is not None else {}
    return {one.id for one in whom if not _is_open(bits, lines.get(one.user, ()), deed)}


def _is_open(bits: Mapping[AccountId, Bit], lines: Sequence[Listed], deed: Deed) -> bool:
    """Say whether somebody with these lines may be found, and to be followed is not avoided on any of them."""
    found = False
    for line in lines:
        has = bits.get(line.account, Bit.NONE)
        if Bit.AVOIDED in has and deed is Deed.FOLLOW:
            return False
        confirmed = line.found is Found.CONFIRMED and Bit.CONFIRMED in has
        found |= line.found is Found.ANYONE or confirmed
    return found


def shown(
    tx: Tx, site: Site, user: UserId, whom: Iterable[AccountId], deed: Deed = Deed.FOLLOW
) -> dict[AccountId, Account]:
    """Return those of these accounts that a user may see today, as somebody to follow (block, mute).

    Who hides looks like who left.
    """
    known = accounts.accounts_by_id(tx, list(whom))
    key = accounts.personal_key(tx, site.vault, user)
    hidden = closed(tx, {user: key}, {user: known.values()}, deed)[user] if known else set()
    return {number: account for number, account in known.items() if number not in hidden}
