"""Who may be followed, blocked and shown today: read when it matters, not when a plan was made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from openportability.accounts import line_store, twin_store
from openportability.accounts import store as accounts
from openportability.accounts.people import Listed
from openportability.db.engine import Tx
from openportability.domain import (
    Account,
    AccountId,
    Actor,
    Deed,
    Found,
    Match,
    NetworkName,
    UserId,
)
from openportability.matching import store as sets
from openportability.matching.rules import Bit
from openportability.matching.sets import MatchSet
from openportability.reconnection import store
from openportability.reconnection.ledger import Place, Reconnection
from openportability.reconnection.rules import State
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


def withdrawn(tx: Tx, whom: Collection[Place]) -> tuple[set[Place], set[Place]]:
    """Return those of these places that nobody is led to any more: their people hide from all, or left.

    Or it is a copy of theirs, and it is there no more, or they wish no more that it is followed. And return those
    whose people let themselves be found by some: by whom, `closed` says.
    """
    lines = line_store.listed_by_id(tx, sorted({number for _, number in whom})) if whom else []
    home = {line.account: line.network for line in lines if line.found is not Found.NOBODY}
    abroad = {place for place in whom if home.get(place[1], place[0]) != place[0]}
    there = {place for place in whom if place[1] in home} - abroad
    careful = {line.account for line in lines if line.found is Found.CONFIRMED}
    gone = set(whom) - there - _copies(tx, abroad).keys()
    return gone, {place for place in whom if place[1] in careful} - gone


def places(tx: Tx, whom: Collection[Place]) -> dict[Place, Account]:
    """Return these accounts as they are followed there; left out is what is there no more.

    Of a copy that is the account it is of, with the copy's actor.
    """
    known = accounts.accounts_by_id(tx, sorted({number for _, number in whom}))
    here = [(place, known[place[1]]) for place in whom if place[1] in known]
    found = {place: account for place, account in here if account.actor.network == place[0]}
    copies = _copies(tx, {place for place, _ in here} - found.keys())
    abroad = {place: replace(known[place[1]], actor=actor) for place, actor in copies.items()}
    return found | abroad


def twins(
    tx: Tx, matches: Sequence[Match], networks: Collection[NetworkName]
) -> dict[tuple[UserId, NetworkName], list[Account]]:
    """Return the copies that matches have on these networks, as `places` does."""
    people = {match.user: match.accounts for match in matches}
    found: dict[tuple[UserId, NetworkName], list[Account]] = {}
    for one in twin_store.of_users(tx, list(people)) if people else ():
        of = next((account for account in people[one.user] if account.id == one.account), None)
        if of is not None and one.actor.network in networks:
            copies = found.setdefault((one.user, one.actor.network), [])
            copies.append(replace(of, actor=one.actor))
    return found


def _copies(tx: Tx, whom: Collection[Place]) -> dict[Place, Actor]:
    """Return the copies that bridges keep at these places."""
    numbers = sorted({number for _, number in whom})
    copies = twin_store.of_accounts(tx, numbers) if numbers else []
    found = {(one.actor.network, one.account): one.actor for one in copies}
    return {place: found[place] for place in whom if place in found}


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
    tx: Tx, site: Site, user: UserId, whom: Iterable[Place], deed: Deed = Deed.FOLLOW
) -> dict[Place, Account]:
    """Return those of these accounts that a user may see today, as somebody to follow (block, mute).

    Who hides looks like who left.
    """
    known = places(tx, set(whom))
    key = accounts.personal_key(tx, site.vault, user)
    hidden = closed(tx, {user: key}, {user: known.values()}, deed)[user] if known else set()
    return {place: account for place, account in known.items() if account.id not in hidden}


def proposed(tx: Tx, site: Site, user: UserId) -> list[tuple[Reconnection, Account]]:
    """Return what waits for the word of a user, and whom it is about: who left or hides is nobody to be asked about."""
    rows = store.proposed(tx, accounts.personal_key(tx, site.vault, user), user)
    today = shown(tx, site, user, {row.place for row in rows}) if rows else {}
    return [(row, today[row.place]) for row in rows if row.place in today]


def count_proposed(
    tx: Tx, site: Site, user: UserId, counted: Mapping[AccountId, dict[State, int]]
) -> dict[AccountId, list[Account]]:
    """Put right, in counts of a user's rows, how many wait for their word; return who that is."""
    today: dict[AccountId, list[Account]] = {}
    if not any(State.PROPOSED in counts for counts in counted.values()):
        return today
    for row, whom in proposed(tx, site, user):
        today.setdefault(row.account, []).append(whom)
    for account, counts in counted.items():
        if counts.pop(State.PROPOSED, 0) and account in today:
            counts[State.PROPOSED] = len(today[account])
    return today
