"""How what is wanted is looked at, made and taken back at a network: follows, blocks and mutes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from openportability.domain import Deed, Grant, Wanted
from openportability.errors import Refused
from openportability.network import Answers, Network

_Call = Callable[[Grant, Sequence[Wanted]], Answers]
#: Why one is refused that the person, or the network, does not let us make.
NOT_ALLOWED = {Deed.BLOCK: "net.no_blocks", Deed.MUTE: "net.no_mutes"}


@dataclass(frozen=True, kw_only=True)
class Way:
    """The three calls of one deed."""

    look: _Call
    make: _Call
    undo: _Call


def way(network: Network, deed: Deed, grant: Grant) -> Way:
    """Return the calls that this grant allows.

    Without the right to block each block is refused, and follows go on: they need no such right. So it is with mutes.
    """
    if deed is Deed.FOLLOW:
        follows = network.destination
        assert follows is not None, "a lane is served where there is one"
        return Way(look=follows.relationships, make=follows.follow, undo=follows.unfollow)
    avoids = network.avoids.get(deed)
    if avoids is None or deed not in grant.can_avoid:
        return _refusing(deed)
    return Way(look=avoids.relationships, make=avoids.make, undo=avoids.take_back)


def reserve(network: Network, deed: Deed, count: int) -> Sequence[str | None]:
    """Choose the records that so many will have, where the network lets us."""
    made_by = network.destination if deed is Deed.FOLLOW else network.avoids.get(deed)
    return made_by.reserve(count) if made_by is not None else [None] * count


def _refusing(deed: Deed) -> Way:
    def refuse(_grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        return Answers(of={one.actor.id: Refused(NOT_ALLOWED[deed]) for one in wanted})

    return Way(look=refuse, make=refuse, undo=refuse)
