"""Two rows that lead to one actor, for one of them moved: what is there is one follow, and it is one row's."""

from __future__ import annotations

from collections.abc import Sequence

from openportability.db.engine import Tx
from openportability.domain import ActorId
from openportability.reconnection import asking, due_store, sealing
from openportability.reconnection.claiming import Slice
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.rules import Decision, State

#: It was there before this row; undoing it takes nothing back that another row made.
OF_ANOTHER = Decision(state=State.ALREADY, unsent=True)


def of_others(
    tx: Tx, work: Slice, looked: Sequence[tuple[Reconnection, Decision | None]]
) -> set[int]:
    """Return those rows whose follow, which a look found, is another row's: made before, or rather wanted.

    Where records have keys of our choice, each row finds its own.
    """
    claims: dict[ActorId, list[Reconnection]] = {}
    for row, decision in looked:
        if decision and decision.state in due_store.MADE and _was_unknown(row):
            claims.setdefault(work.actor(row).id, []).append(row)
    if not claims:
        return set()
    made = sealing.opened(work.key, due_store.made(tx, work.lane, work.deed))
    taken = {row.actor.id for row in made if row.actor is not None}
    rest: set[int] = set()
    for actor, rows in claims.items():
        first = max(rows, key=lambda row: (row.held is None, asking.last_asked(row)))
        rest |= {row.id for row in rows if actor in taken or row is not first}
    return rest


def _was_unknown(row: Reconnection) -> bool:
    return row.state is State.READY and row.record is None
