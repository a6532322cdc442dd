"""Matches with what became of them: the rows of the matches page and of its API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Match, NetworkName, UserId
from openportability.matching import service as matching
from openportability.matching.service import Filter
from openportability.network import Network
from openportability.reconnection import shown, store
from openportability.reconnection.rules import State
from openportability.reconnection.service import GROUPS
from openportability.site import Site


class Show(StrEnum):
    """Which matches the page shows."""

    NEW = "new"  # nothing was wanted yet
    PENDING = "pending"  # on its way, or waiting for approval
    DONE = "done"
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
    after: int | None
    totals: Mapping[Show, int]


def page(
    tx: Tx, site: Site, user: UserId, by: Filter, show: Show, *, after: int, limit: int
) -> Page:
    """Return one page of a person's matches, mutuals first."""
    key = accounts.personal_key(tx, site.vault, user)
    states: dict[AccountId, State] = {
        whom: known.state for (_, whom), known in store.known(tx, key, user).items()
    }
    matches = matching.matches_of(tx, site, user)
    kinds = [(match, kind(match, states)) for match in matches]
    totals = {one: sum(found is one for _, found in kinds) for one in Show}
    totals[Show.ALL] = sum(found is not Show.DISMISSED for _, found in kinds)
    wanted = [
        match
        for match, found in kinds
        if found is show or (show is Show.ALL and found is not Show.DISMISSED)
    ]
    narrowed = matching.narrowed(wanted, by)
    some = narrowed[after : after + limit]
    return Page(
        items=tuple(
            Shown(
                id=shown.match_id(key, match.user),
                match=match,
                places=_places(site.networks, match, states),
            )
            for match in some
        ),
        after=after + limit if after + limit < len(narrowed) else None,
        totals=totals,
    )


def kind(match: Match, states: Mapping[AccountId, State]) -> Show:
    """Return where a match stands, over all places."""
    if match.dismissed:
        return Show.DISMISSED
    found = {states[account.id] for account in match.accounts if account.id in states}
    if found & (GROUPS["waiting"] | GROUPS["pending"] | GROUPS["proposed"]):
        return Show.PENDING
    if found & GROUPS["done"]:
        return Show.DONE
    return Show.NEW


def _places(
    networks: Mapping[NetworkName, Network],
    match: Match,
    states: Mapping[AccountId, State],
) -> tuple[Place, ...]:
    return tuple(
        Place(
            account=account,
            network=networks[account.actor.network],
            state=states.get(account.id),
            href=networks[account.actor.network].profile_url(account.actor),
        )
        for account in match.accounts
        if account.actor.network in networks
    )
