"""The ledger, in and out. Whom a row is about is one enciphered block that the person's key reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, bindparam, case, delete, func, select, update

from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.db.schema import reconnections
from openportability.domain import Account, AccountId, Deed, UserId
from openportability.reconnection import rules, sealing
from openportability.reconnection.ledger import Known, New, Reconnection
from openportability.reconnection.rules import HELD, STOPPED, Origin, State, moved
from openportability.vault import PersonalKey

_COLUMNS = reconnections.c
#: Accounts of ours and of theirs.
Pairs = Sequence[tuple[AccountId, AccountId]]


def want(
    tx: Tx,
    key: PersonalKey,
    user: UserId,
    rows: Sequence[New],
    *,
    origin: Origin,
    plan: int | None,
    now: datetime,
) -> int:
    """Add what is not in the ledger yet; return how many that were."""
    if not rows:
        return 0
    blocks = key.block_all(sealing.WHOM, (row.whom for row in rows))
    before = _count(tx, user)
    tx.execute(
        tx.dialect.insert_missing(reconnections, key=["user_id", "account_id", "whom", "deed"]),
        [
            {
                "user_id": user,
                "account_id": row.account,
                "network": row.network,
                "whom": block,
                "deed": row.deed,
                "state": row.state,
                "origin": origin,
                "plan_id": plan,
                "rank": row.rank,
                "attempts": 0,
                "due_at": micros(now),
                "at": micros(now),
            }
            for row, block in zip(rows, blocks, strict=True)
        ],
    )
    return _count(tx, user) - before


_KNOWN = select(
    _COLUMNS.account_id, _COLUMNS.whom, _COLUMNS.state, _COLUMNS.reason, _COLUMNS.at
).where(_COLUMNS.user_id == bindparam("user"), _COLUMNS.deed == bindparam("deed"))


def known(
    tx: Tx, key: PersonalKey, user: UserId, deed: Deed
) -> dict[tuple[AccountId, AccountId], Known]:
    """Return what is known of every follow (block, mute) of a user, by our account and theirs."""
    rows = tx.execute(_KNOWN, {"user": user, "deed": deed}).all()
    whom = key.unblock_all(sealing.WHOM, (row.whom for row in rows))
    return {
        (AccountId(row.account_id), AccountId(other)): Known(
            state=State(row.state), reason=row.reason, at=moment(row.at)
        )
        for row, other in zip(rows, whom, strict=True)
    }


def move_all(
    tx: Tx,
    user: UserId,
    before: State,
    after: State,
    now: datetime,
    *,
    rows: Sequence[int] | None = None,
    origin: Origin | None = None,
    due: datetime | None = None,
    reason: str | None = None,
) -> int:
    """Move rows of a user (all, these, or of this origin) from one state to another, due now or later; return how many.

    What becomes ready so, the person said yes to: it is their own wish from then on.
    """
    own = {"origin": Origin.MANUAL} if after is State.READY else {}
    done = tx.execute(
        update(reconnections)
        .where(*_of(tx, user, before, rows, origin))
        .values(
            state=moved(before, after),
            reason=reason,
            due_at=micros(due or now),
            at=micros(now),
            attempts=0,
            **own,
        )
    )
    return done.rowcount


def choose_again(
    tx: Tx,
    key: PersonalKey,
    user: UserId,
    deed: Deed,
    chosen: Pairs,
    before: State,
    after: State,
    now: datetime,
    *,
    origin: Origin,
) -> int:
    """Want again what was proposed, came to an end, or was undone by hand; return how many rows.

    What was asked for then is past. But what we made, or asked for before we were refused, is looked for
    under its old record: if it is there after all, it still is ours.
    """
    may_be_there = before in (State.FOLLOWED, State.REFUSED)
    made = {} if may_be_there else {"record": None, "asked_at": None}
    done = tx.execute(
        update(reconnections)
        .where(*_of(tx, user, before, _rows_of(tx, key, user, deed, chosen, before)))
        .values(
            state=moved(before, after),
            reason=None,
            origin=origin,
            attempts=0,
            due_at=micros(now),
            at=micros(now),
            **made,
        )
    )
    return done.rowcount


def let_go_on(tx: Tx, key: PersonalKey, user: UserId, deed: Deed, chosen: Pairs) -> None:
    """Want again what was stopped while nobody knew what had become of it; it is the person's own wish now."""
    again = _rows_of(tx, key, user, deed, chosen, State.READY)
    kept = case((_COLUMNS.reason.in_(HELD), None), else_=_COLUMNS.reason)
    tx.execute(
        update(reconnections)
        .where(*_of(tx, user, State.READY, again))
        .values(reason=kept, origin=Origin.MANUAL)
    )


def cancel(
    tx: Tx,
    user: UserId,
    now: datetime,
    *,
    rows: Sequence[int] | None = None,
    origin: Origin | None = None,
    after: State = State.CANCELLED,
    held: str = STOPPED,
) -> int:
    """Cancel what was not sent (or propose it), of this origin alone or of any; return how many rows that were.

    What may have reached the network is not forgotten: it is looked at once more, and not sent.
    `held` says what is to become of it if it is there.
    """
    mine = _of(tx, user, State.READY, rows, origin)
    unsent = (
        update(reconnections)
        .where(*mine, _COLUMNS.asked_at.is_(None))
        .values(state=moved(State.READY, after), reason=None, at=micros(now))
    )
    cancelled = tx.execute(unsent).rowcount
    # Who wants a follow undone and then stops everything still wants it undone.
    weaker = func.coalesce(_COLUMNS.reason, "") != rules.UNDO_WANTED
    tx.execute(update(reconnections).where(*mine, weaker).values(reason=held, due_at=micros(now)))
    return cancelled


_COUNTS = (
    select(_COLUMNS.deed, _COLUMNS.account_id, _COLUMNS.state, func.count().label("number"))
    .where(_COLUMNS.user_id == bindparam("user"))
    .group_by(_COLUMNS.deed, _COLUMNS.account_id, _COLUMNS.state)
)


def counts(tx: Tx, user: UserId) -> dict[Deed, dict[tuple[AccountId, State], int]]:
    """Count follows, blocks and mutes, by account of ours and state."""
    counted: dict[Deed, dict[tuple[AccountId, State], int]] = {deed: {} for deed in Deed}
    for row in tx.execute(_COUNTS, {"user": user}):
        counted[Deed(row.deed)][AccountId(row.account_id), State(row.state)] = row.number
    return counted


_MADE = (
    select(_COLUMNS.id)
    .where(
        _COLUMNS.user_id == bindparam("user"),
        _COLUMNS.state.in_([State.FOLLOWED, State.REQUESTED]),
        _COLUMNS.origin != Origin.ELSEWHERE,
    )
    .limit(1)
)


def has_made(tx: Tx, user: UserId) -> bool:
    """Say whether there is a follow or a block that we made: what a file says was made elsewhere is none."""
    return tx.execute(_MADE, {"user": user}).first() is not None


def page(
    tx: Tx,
    key: PersonalKey,
    user: UserId,
    *,
    states: Sequence[State],
    before: int | None,
    limit: int,
) -> list[Reconnection]:
    """Return rows in these states, newest first, below a row's id."""
    statement = select(reconnections).where(_COLUMNS.user_id == user)
    if states:
        statement = statement.where(_COLUMNS.state.in_(states))
    if before is not None:
        statement = statement.where(_COLUMNS.id < before)
    return read(tx, key, statement.order_by(_COLUMNS.id.desc()).limit(limit))


def proposed(tx: Tx, key: PersonalKey, user: UserId) -> list[Reconnection]:
    """Return what waits for the person's word."""
    return read(tx, key, select(reconnections).where(*_of(tx, user, State.PROPOSED, None)))


def unsent(tx: Tx, key: PersonalKey, account: Account, state: State) -> list[Reconnection]:
    """Return follows of an account in this state that were never asked for, in the order of their turns."""
    statement = select(reconnections).where(
        _COLUMNS.user_id == account.user,
        _COLUMNS.account_id == account.id,
        _COLUMNS.deed == Deed.FOLLOW,
        _COLUMNS.state == state,
        _COLUMNS.asked_at.is_(None),
    )
    return read(tx, key, statement.order_by(_COLUMNS.rank, _COLUMNS.id))


def drop_rows(tx: Tx, account: Account) -> None:
    """Forget what an account of ours followed: it is being unlinked."""
    mine = _COLUMNS.user_id == account.user, _COLUMNS.account_id == account.id
    tx.execute(delete(reconnections).where(*mine))


def _rows_of(
    tx: Tx, key: PersonalKey, user: UserId, deed: Deed, chosen: Pairs, state: State
) -> list[int]:
    """Return the rows in this state that are about these pairs of our account and theirs."""
    pairs = set(chosen)
    of_these = tx.dialect.among(
        _COLUMNS.whom, key.block_all(sealing.WHOM, {whom for _, whom in pairs})
    )
    rows = read(tx, key, select(reconnections).where(*_of(tx, user, state, None), of_these))
    return [row.id for row in rows if row.deed is deed and (row.account, row.whom) in pairs]


def _of(
    tx: Tx, user: UserId, state: State, rows: Sequence[int] | None, origin: Origin | None = None
) -> list[ColumnElement[bool]]:
    # What a file says was done elsewhere is history: nothing is followed or taken back because of it.
    ours = _COLUMNS.origin != Origin.ELSEWHERE
    conditions = [_COLUMNS.user_id == user, _COLUMNS.state == state, ours]
    if rows is not None:
        conditions.append(tx.dialect.among(_COLUMNS.id, rows))
    if origin is not None:
        conditions.append(_COLUMNS.origin == origin)
    return conditions


_COUNT = (
    select(func.count()).select_from(reconnections).where(_COLUMNS.user_id == bindparam("user"))
)


def _count(tx: Tx, user: UserId) -> int:
    rows: int = tx.execute(_COUNT, {"user": user}).scalar_one()
    return rows


def read(tx: Tx, key: PersonalKey, statement: Select[tuple[object, ...]]) -> list[Reconnection]:
    """Return the rows of one person that a statement selects."""
    return sealing.opened(key, tx.execute(statement).all())
