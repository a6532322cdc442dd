"""Who lets only some find them: asked about once more between two calls of a slice."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Deed, UserId
from openportability.reconnection import reach
from openportability.reconnection.claiming import Slice
from openportability.reconnection.ledger import Place


def closed(
    tx: Tx, asked: Sequence[tuple[Slice, AbstractSet[Place]]]
) -> dict[AccountId, set[AccountId]]:
    """Return for each slice's account who at these places does not let its person find them any more."""
    found: dict[AccountId, set[AccountId]] = {}
    for deed in Deed:
        whom: dict[UserId, list[Account]] = {}
        mine = [(work, places & work.whom.keys()) for work, places in asked if work.deed is deed]
        for work, places in mine:
            if places:
                whom.setdefault(work.user.id, []).extend(work.whom[one] for one in places)
        keys = {work.user.id: work.key for work, _ in mine if work.user.id in whom}
        shut = reach.closed(tx, keys, whom, deed) if whom else {}
        found |= {work.account.id: shut.get(work.user.id, set()) for work, _ in mine}
    return found
