"""How what is wanted is looked at, made and taken back at a network: follows, and blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from openportability.domain import Deed, Grant, Wanted
from openportability.errors import Refused
from openportability.network import Answers, Network

_Call = Callable[[Grant, Sequence[Wanted]], Answers]


@dataclass(frozen=True, kw_only=True)
class Way:
    """The three calls of one deed."""

    look: _Call
    make: _Call
    undo: _Call


def way(network: Network, deed: Deed, grant: Grant) -> Way:
    """Return the calls that this grant allows.

    Without the right to block each block is refused, and follows go on: they need no such right.
    """
    if deed is Deed.BLOCK:
        if network.blocks is None or not grant.can_block:
            return Way(look=_refuse, make=_refuse, undo=_refuse)
        blocks = network.blocks
        return Way(look=blocks.relationships, make=blocks.block, undo=blocks.unblock)
    destination = network.destination
    assert destination is not None, "a lane is served where there is one"
    return Way(look=destination.relationships, make=destination.follow, undo=destination.unfollow)


def _refuse(_grant: Grant, wanted: Sequence[Wanted]) -> Answers:
    return Answers(of={one.actor.id: Refused("net.no_blocks") for one in wanted})
