"""What a network is asked for a plan or a file: whom an account follows, and how many more it may follow."""

from __future__ import annotations

from openportability.accounts.refresh import usable_grant
from openportability.clock import monotonic
from openportability.domain import Account, ActorId
from openportability.errors import NetworkError
from openportability.network import Room
from openportability.site import Site

#: How long a network may take to tell whom the person follows; the slices look again anyway.
_READ_SECONDS = 30.0


def following(site: Site, account: Account) -> frozenset[ActorId] | None:
    """Return whom an account follows now, or None where the network does not tell us in time."""
    destination = site.networks[account.actor.network].destination
    assert destination is not None, "chosen by `planning.followers`"
    began, found, cursor = monotonic(), set[ActorId](), None
    try:
        grant = usable_grant(site, account)
        while monotonic() - began < _READ_SECONDS:
            page = destination.following(grant, cursor)
            found |= page.actors
            cursor = page.cursor
            if cursor is None:
                return frozenset(found)
    except NetworkError:
        return None
    return None


def room(site: Site, account: Account) -> Room | None:
    """Ask once how many more an account may follow; None: there is no ceiling, or no answer."""
    ask = site.networks[account.actor.network].room
    if ask is None:
        return None
    try:
        return ask(usable_grant(site, account))
    except NetworkError:
        return None
