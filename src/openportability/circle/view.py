"""Matches with what became of them: the rows of the matches page and of its API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from openportability.accounts import store as accounts
from openportability.clock import EPOCH
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Deed, Match, NetworkName, Proof, UserId
from openportability.matching import service as matching
from openportability.matching.seen import Filter, Order, Seen
from openportability.matching.through import Mask
from openportability.network import Network
from openportability.reconnection import shown, store
from openportability.reconnection.rules import State
from openportability.reconnection.service import GROUPS
from openportability.site import Site
from openportability.vault import PersonalKey, Vault
from openportability.web import paging

#: Where a page goes on: after somebody's place in the order, and their id.
After = tuple[int, int]


class Show(StrEnum):
    """Which matches the page shows."""

    NEW = "new"  # nothing was ever wanted, or they are asked whether it is
    PENDING = "pending"  # on its way, or waiting for approval
    DONE = "done"
    ENDED = "ended"  # was wanted, and is not followed: refused, stopped, taken back
    DISMISSED = "dismissed"
    ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Place:
    """An account of theirs, and what became of our follow of it."""

    account: Account
    network: Network
    state: State | None
    href: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A match as it is shown."""

    id: str
    match: Match
    places: tuple[Place, ...]

    @property
    def name(self) -> str:
        """Return the name they give themselves, else a handle."""
        named = [place.account.actor.name for place in self.places if place.account.actor.name]
        return named[0] if named else self.places[0].account.actor.handle


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some matches, and how many there are of each kind."""

    items: tuple[Shown, ...]
    #: Where the next page begins; None on the last.
    after: After | None
    totals: Mapping[Show, int]
    #: Whether somebody arrived since the person last looked.
    news: bool


def page(
    tx: Tx,
    site: Site,
    user: UserId,
    by: Filter,
    show: Show,
    *,
    after: After | None,
    limit: int,
    order: Order = Order.MUTUALS,
    looked_at: datetime | None = None,
) -> Page:
    """Return one page of a person's matches, and whether somebody came since they `looked_at` them; None: ever."""
    key = accounts.personal_key(tx, site.vault, user)
    there = _there(tx, key, user)
    people = matching.seen(tx, site, user)
    kinds = _kinds(people, there)
    which = people.narrowed(tx, by, among=kinds[show])
    some, go_on = people.page(which, after, limit, order)
    matches = people.matches(tx, some)
    ids = shown.match_ids(key, [match.user for match in matches])
    return Page(
        items=tuple(
            Shown(id=one, match=match, places=_places(site.networks, match, there))
            for one, match in zip(ids, matches, strict=True)
        ),
        after=go_on,
        totals={one: int(there.sum()) for one, there in kinds.items()},
        news=bool(people.arrived_since(looked_at or EPOCH).any()),
    )


def narrowed(tx: Tx, site: Site, user: UserId, by: Filter, show: Show) -> set[UserId]:
    """Return all whom a page of these would show, one after the other."""
    there = _there(tx, accounts.personal_key(tx, site.vault, user), user)
    people = matching.seen(tx, site, user)
    kinds = _kinds(people, there)
    which = people.narrowed(tx, by, among=kinds[show])
    return {UserId(one) for one in people.users[which].tolist()}


def position(vault: Vault, listing: str, cursor: str | None) -> After | None:
    """Return where a page begins, from a cursor of this listing."""
    match paging.position(vault, listing, cursor):
        case (int(order), int(user)):
            return order, user
        case _:
            return None


def _there(tx: Tx, key: PersonalKey, user: UserId) -> dict[tuple[NetworkName, AccountId], State]:
    """Return what became of each follow, by the network of our own account and whom it is of."""
    own = {account.id: account.actor.network for account in accounts.accounts_of(tx, user)}
    ledger = store.known(tx, key, user, Deed.FOLLOW)
    return {(own[mine], whom): known.state for (mine, whom), known in ledger.items() if mine in own}


def _kinds(people: Seen, there: Mapping[tuple[NetworkName, AccountId], State]) -> dict[Show, Mask]:
    """Say of everyone where they stand, over all places; of who is kept, each is of one kind."""
    under_way = GROUPS["waiting"] | GROUPS["handed"] | GROUPS["pending"]
    ended = GROUPS["failed"] | GROUPS["undone"]
    kept = ~people.dismissed
    of = {
        Show.PENDING: {whom for (_, whom), state in there.items() if state in under_way},
        Show.DONE: {whom for (_, whom), state in there.items() if state in GROUPS["done"]},
        Show.ENDED: {whom for (_, whom), state in there.items() if state in ended},
    }
    pending, made, over = (kept & people.having(some) for some in of.values())
    done = made & ~pending
    return {
        Show.NEW: kept & ~pending & ~made & ~over,
        Show.PENDING: pending,
        Show.DONE: done,
        Show.ENDED: over & ~pending & ~made,
        Show.DISMISSED: people.dismissed,
        Show.ALL: kept,
    }


def _places(
    networks: Mapping[NetworkName, Network],
    match: Match,
    there: Mapping[tuple[NetworkName, AccountId], State],
) -> tuple[Place, ...]:
    return tuple(
        Place(
            account=account,
            network=networks[account.actor.network],
            state=there.get((account.actor.network, account.id)),
            href=networks[account.actor.network].profile_url(account.actor),
        )
        for account in match.accounts
        if account.actor.network in networks
        # What they only claim to be is told where it is why they match, and with that warning.
        and (account.proof is Proof.PROVED or account in match.sources)
    )
