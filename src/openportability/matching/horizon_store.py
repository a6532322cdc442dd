"""How far somebody's lists have met the others, in and out, and whose have not yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, bindparam, case, func, select, update

from openportability.db.engine import Tx
from openportability.db.schema import follow_lists, match_sets
from openportability.domain import UserId


@dataclass(frozen=True, kw_only=True)
class Horizon:
    """How far somebody's lists have met the others, as sequence numbers of accounts and lists."""

    people: int
    lists: int


#: Of somebody whose lists have met nobody yet.
NOBODY_MET = Horizon(people=0, lists=0)


def horizons(tx: Tx, users: Sequence[UserId]) -> dict[UserId, Horizon]:
    """Return how far each has met others; who has no match set is left out."""
    rows = tx.execute(
        select(match_sets.c.user_id, match_sets.c.people_met, match_sets.c.lists_met).where(
            tx.dialect.among(match_sets.c.user_id, users)
        )
    )
    return {
        UserId(row.user_id): Horizon(people=row.people_met, lists=row.lists_met) for row in rows
    }


def _later(column: Column[int], name: str) -> ColumnElement[int]:
    return case((column < bindparam(name), bindparam(name)), else_=column)


_NOTE = (
    update(match_sets)
    .where(match_sets.c.user_id == bindparam("user"))
    .values(
        people_met=_later(match_sets.c.people_met, "people"),
        lists_met=_later(match_sets.c.lists_met, "lists"),
    )
)


def note_horizons(tx: Tx, met: Mapping[UserId, Horizon]) -> None:
    """Note how far users, whose sets are locked, have met others; a slower pass takes nothing back."""
    rows = [{"user": user, "people": to.people, "lists": to.lists} for user, to in met.items()]
    if rows:
        tx.execute(_NOTE, rows)


def unmet(tx: Tx, since: int, limit: int) -> list[tuple[UserId, int]]:
    """Return the oldest lists after a sequence number that have not met the others: whose, and its number."""
    met = func.coalesce(match_sets.c.lists_met, 0)
    rows = tx.execute(
        select(follow_lists.c.user_id, follow_lists.c.seq)
        .outerjoin(match_sets, match_sets.c.user_id == follow_lists.c.user_id)
        .where(follow_lists.c.seq > since, met < follow_lists.c.seq)
        .order_by(follow_lists.c.seq)
        .limit(limit)
    )
    return [(UserId(row.user_id), row.seq) for row in rows]
