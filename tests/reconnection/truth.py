"""What a ledger says at the end, compared with what the network holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from openportability.domain import ActorId, Deed
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.rules import State

S = State


def tells_the_truth(
    rows: Sequence[Reconnection],
    made: Mapping[Deed, Collection[ActorId]],
    *,
    by_hand: Collection[str],
) -> None:
    """Assert that what is said to be there is, and what was taken back is not; but for what was made by hand."""
    for row in rows:
        actor = row.actor
        if actor is None or row.moved or actor.id in by_hand:
            continue
        if row.deed is not Deed.FOLLOW and row.state is S.FOLLOWED:
            assert actor.id in made[row.deed], f"{row} was not made"
        if row.state in (S.UNDONE, S.CANCELLED):
            kept = any(
                other.deed is row.deed
                and other.state in (S.FOLLOWED, S.ALREADY, S.REFUSED)
                and other.actor is not None
                and other.actor.id == actor.id
                for other in rows
            )
            assert kept or actor.id not in made[row.deed], f"{row} is still there"


def one_row_made_each(rows: Sequence[Reconnection], *, turned_down: Collection[str]) -> None:
    """Assert that no two rows say they made one follow; but for what somebody ended, and another row made anew."""
    ours = Counter(
        (row.deed, row.actor.id)
        for row in rows
        if row.actor is not None and row.state in (S.FOLLOWED, S.REQUESTED)
    )
    for (deed, whom), count in ours.items():
        assert count == 1 or whom in turned_down, f"{count} rows made one {deed} of {whom}"
