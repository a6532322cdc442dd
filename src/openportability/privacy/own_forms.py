"""What an export holds of somebody's lists in the forms that each network's own tools read. Pure.

Made of the export itself: whom it does not name is in no file.
"""

from __future__ import annotations

from collections.abc import Mapping

from openportability.domain import Deed, Kind, ListedActor, NetworkName
from openportability.network import Network
from openportability.privacy.parts import Document, LedgerPart
from openportability.reconnection.rules import State

_MADE = (State.FOLLOWED, State.ALREADY)
#: Whoever took a block or mute of ours back does not want to bring it again.
_TAKEN_BACK = (State.UNDOING, State.UNDONE)
#: The list that each deed makes.
_KINDS = {Deed.FOLLOW: Kind.FOLLOWING, Deed.BLOCK: Kind.BLOCKED, Deed.MUTE: Kind.MUTED}


def files(networks: Mapping[NetworkName, Network], taken: Document) -> dict[str, bytes]:
    """Return the files of each network, by their names in the zip."""
    made: dict[str, bytes] = {}
    for name, network in sorted(networks.items()):
        if network.forms is None:
            continue
        for kind, listed in _lists(taken, name).items():
            if listed:
                made |= {
                    f"{name}/{file}": body for file, body in network.forms(kind, listed).items()
                }
    return made


def _lists(taken: Document, network: NetworkName) -> Mapping[Kind, list[ListedActor]]:
    """Return whom the person follows, blocks and mutes on a network, as far as their addresses are known."""
    listed = {}
    for deed, kind in _KINDS.items():
        rows = [row for row in taken.ledger if (row.network, row.deed) == (network, deed)]
        known = {row.actor_id for row in rows if row.state in (*_MADE, *_TAKEN_BACK)}
        brought = [
            ListedActor(actor_id=one.actor_id, handle=one.handle, at=None)
            for one in taken.avoided
            if (one.network, one.kind) == (network, kind) and one.actor_id not in known
        ]
        listed[kind] = [*_made(rows), *brought]
    return listed


def _made(rows: list[LedgerPart]) -> list[ListedActor]:
    """Return each actor once, whichever of the person's accounts it is about."""
    made = {
        row.actor_id: ListedActor(actor_id=row.actor_id, handle=row.handle, at=row.at)
        for row in rows
        if row.state in _MADE and row.actor_id and row.handle
    }
    return list(made.values())
