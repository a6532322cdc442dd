"""What a slice reads and writes of the ledger, for many lanes in one statement each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import product
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Executable,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy import Row as SqlRow
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from openportability.clock import micros, moment
from openportability.db.dialect import Dialect
from openportability.db.engine import Tx
from openportability.db.schema import lanes, reconnections
from openportability.domain import AccountId, Deed
from openportability.reconnection import sealing
from openportability.reconnection.lane import Lane
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.rules import HELD, State
from openportability.vault import PersonalKey

_ROWS = reconnections.c
#: Whom the person avoids goes before whom they follow.
_ORDER = (Deed.BLOCK, Deed.MUTE, Deed.FOLLOW)
_OPEN = (State.READY, State.REQUESTED, State.HANDED, State.UNDOING)
#: What we asked for, and the network did.
MADE = (State.FOLLOWED, State.REQUESTED)
Row = SqlRow[tuple[object, ...]]


def _is_unknown(rows: ReadOnlyColumnCollection[str, Column[Any]]) -> ColumnElement[bool]:
    """Hold where it may have been made already: it is looked at, whatever pacing allows."""
    # With its two values in its text: `in_` writes a statement anew each time it is executed.
    held = (func.coalesce(rows.reason, "") == reason for reason in HELD)
    return or_(rows.asked_at.is_not(None), *held)


def due(
    tx: Tx, accounts: Sequence[AccountId], now: datetime, limit: int
) -> dict[AccountId, list[Row]]:
    """Return what is due in each lane, as stored: of each kind so many, as `sort` knows them."""
    given = {"accounts": accounts, "now": micros(now), "most": limit}
    by_lane: dict[AccountId, list[Row]] = {}
    for row in tx.execute(_due(tx.dialect), given).all():
        by_lane.setdefault(AccountId(row.account_id), []).append(row)
    return by_lane


@cache
def _due(dialect: Dialect) -> Executable:
    mine = reconnections.alias("mine")
    most: BindParameter[int] = bindparam("most")
    of_lane = (
        mine.c.user_id == lanes.c.user_id,
        mine.c.account_id == lanes.c.account_id,
        mine.c.due_at <= bindparam("now"),
    )
    unknown = _is_unknown(mine.c)
    kinds = (
        (mine.c.state == State.UNDOING, (mine.c.due_at, mine.c.id)),
        (and_(mine.c.state == State.READY, unknown), (mine.c.id,)),
        (and_(mine.c.state == State.READY, ~unknown), (mine.c.rank, mine.c.id)),
        (mine.c.state == State.REQUESTED, (mine.c.due_at, mine.c.id)),
        (mine.c.state == State.HANDED, (mine.c.due_at, mine.c.id)),
    )
    chosen = [
        select(mine).where(*of_lane, kind).order_by(*order).limit(most) for kind, order in kinds
    ]
    meant = dialect.among_given(lanes.c.account_id, "accounts")
    return dialect.firsts(chosen, _ROWS.id, lanes, meant)


def chosen(
    rows: Sequence[Row], most: int, follows: int, undos: int
) -> tuple[list[Row], list[Row], list[Row]]:
    """Return what to undo; else what to make (what was stopped half-way first) and to look at.

    Blocks alone, if there is anything to do with one of them; else mutes, else follows. But what is
    to be taken back goes before all that is to be made. While none may be, the rest goes on.
    """
    if not undos:
        rows = [row for row in rows if row.state != State.UNDOING]
    undoing = [row for row in rows if row.state == State.UNDOING]
    for some, deed in product((undoing, rows), _ORDER):
        mine = [row for row in some if row.deed == deed]
        if mine and any(kinds := _chosen(mine, most, follows, undos)):
            return kinds
    return [], [], []


def _chosen(
    rows: Sequence[Row], most: int, follows: int, undos: int
) -> tuple[list[Row], list[Row], list[Row]]:
    kinds: dict[str, list[Row]] = {"undo": [], "settle": [], "follow": [], "look": []}
    for row in rows:
        kinds[_kind(row)].append(row)
    if kinds["undo"]:
        return sorted(kinds["undo"], key=_by_time)[: min(undos, most)], [], []
    follow = sorted(kinds["settle"], key=lambda row: int(row.id))[:most]
    follow += sorted(kinds["follow"], key=_by_rank)[: min(follows, most - len(follow))]
    return [], follow, sorted(kinds["look"], key=_by_time)[: most - len(follow)]


def fresh(tx: Tx, wanted: Iterable[tuple[PersonalKey, Reconnection]]) -> dict[int, Reconnection]:
    """Return rows as they are now; those that are in another state are left out.

    So are those that are another user's by now, whose key is another.
    """
    was = {row.id: (key, row) for key, row in wanted}
    if not was:
        return {}
    owners = sorted({row.user for _, row in was.values()})
    now = tx.execute(_fresh(tx.dialect), {"owners": owners, "ids": list(was)}).all()
    return {
        row.id: _renewed(*was[row.id], row)
        for row in now
        if row.state == was[row.id][1].state and row.user_id == was[row.id][1].user
    }


@cache
def _fresh(dialect: Dialect) -> Select[Any]:
    return select(reconnections).where(
        dialect.among_given(_ROWS.user_id, "owners"), dialect.among_given(_ROWS.id, "ids")
    )


def put(tx: Tx, changed: Sequence[Reconnection]) -> None:
    """Write rows as they are now. They are fresh, and their lanes held."""
    rows = [
        {
            "user_id": row.user,
            "id": row.id,
            "state": row.state.value,
            "reason": row.reason,
            "attempts": row.attempts,
            "due_at": micros(row.due_at),
            "at": micros(row.at),
            "asked_at": None if row.asked_at is None else micros(row.asked_at),
            "record": row.stored,
        }
        for row in changed
    ]
    tx.dialect.update_each(tx, reconnections, ("user_id", "id"), rows)


def made(tx: Tx, lane: Lane, deed: Deed) -> Sequence[Row]:
    """Return what we made of a lane's follows (blocks, mutes)."""
    given = {"user": lane.user, "account": lane.account, "deed": deed}
    return tx.execute(_MADE_OF_LANE, given).all()


_MADE_OF_LANE = select(reconnections).where(
    _ROWS.user_id == bindparam("user"),
    _ROWS.account_id == bindparam("account"),
    _ROWS.deed == bindparam("deed"),
    _ROWS.state.in_(MADE),
)


def refused_since_any_was_made(tx: Tx, lane: Lane, reason: str) -> Sequence[Row]:
    """Return follows of a lane that were refused for this reason after the last one was asked for that was made."""
    given = {"user": lane.user, "account": lane.account, "reason": reason}
    return tx.execute(_refused_since(), given).all()


@cache
def _refused_since() -> Select[Any]:
    made = reconnections.alias("made")
    last = select(func.coalesce(func.max(made.c.asked_at), 0)).where(
        made.c.user_id == bindparam("user"),
        made.c.account_id == bindparam("account"),
        made.c.deed == Deed.FOLLOW,
        made.c.state.in_(MADE),
    )
    return select(reconnections).where(
        _ROWS.user_id == bindparam("user"),
        _ROWS.account_id == bindparam("account"),
        _ROWS.deed == Deed.FOLLOW,
        _ROWS.state == State.REFUSED,
        _ROWS.reason == bindparam("reason"),
        _ROWS.at > last.scalar_subquery(),
    )


@dataclass(frozen=True, kw_only=True)
class Due:
    """When something of a lane is due next."""

    #: A follow that was never asked for.
    follow: datetime | None = None
    undo: datetime | None = None
    other: datetime | None = None


def next_due(tx: Tx, accounts: Collection[AccountId]) -> dict[AccountId, Due]:
    """Return what is due when in each lane."""
    rows = tx.execute(_next_due(tx.dialect), {"accounts": list(accounts)}).all()
    return {
        AccountId(row.account_id): Due(
            follow=None if row.follow is None else moment(row.follow),
            undo=None if row.undo is None else moment(row.undo),
            other=None if row.other is None else moment(row.other),
        )
        for row in rows
    }


@cache
def _next_due(dialect: Dialect) -> Select[Any]:
    # Asked of each lane by itself: joined, PostgreSQL may read the ledgers of all to find those of fifty.
    follow = and_(_ROWS.state == State.READY, ~_is_unknown(_ROWS))
    undo = _ROWS.state == State.UNDOING
    states: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in _OPEN]
    mine = and_(_ROWS.user_id == lanes.c.user_id, _ROWS.account_id == lanes.c.account_id)
    soonest = [
        select(func.min(case((these, _ROWS.due_at))))
        .where(mine, _ROWS.state.in_(states))
        .scalar_subquery()
        .label(name)
        for name, these in (("follow", follow), ("undo", undo), ("other", ~or_(follow, undo)))
    ]
    these_lanes = dialect.among_given(lanes.c.account_id, "accounts")
    return select(lanes.c.account_id, *soonest).where(these_lanes)


def _kind(row: Row) -> str:
    match State(row.state):
        case State.UNDOING:
            return "undo"
        case State.REQUESTED | State.HANDED:
            return "look"
        case _:
            unknown = row.reason in HELD or row.asked_at is not None
            return "settle" if unknown else "follow"


def _by_time(row: Row) -> tuple[int, int]:
    return row.due_at, row.id


def _by_rank(row: Row) -> tuple[int, int]:
    return row.rank, row.id


def _renewed(key: PersonalKey, was: Reconnection, row: Row) -> Reconnection:
    """Return a row as it is now; what it keeps is opened only if it changed."""
    if row.record != was.stored or row.asked_at != (was.asked_at and micros(was.asked_at)):
        return sealing.opened(key, [row])[0]
    now = row.reason, row.attempts, row.due_at, row.at
    if now == (was.reason, was.attempts, micros(was.due_at), micros(was.at)):
        return was
    return replace(
        was,
        reason=row.reason,
        attempts=row.attempts,
        due_at=moment(row.due_at),
        at=moment(row.at),
    )
