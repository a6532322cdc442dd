"""What a slice asks for next, and how it is counted: before it is asked for, and once however often it is.

A call that nobody answered may have been heard, so what it asked for counts. Once the network shows that it is not
there, it is asked for anew, in its own place: one fault of a network costs nobody their share of an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from openportability.domain import ActorId
from openportability.reconnection import claiming, pacing, sealing, ways
from openportability.reconnection.claiming import Slice
from openportability.reconnection.lane import Lane
from openportability.reconnection.ledger import Reconnection

_NEVER = datetime.min.replace(tzinfo=UTC)


def next_call(
    work: Slice, lane: Lane, rest: Sequence[Reconnection], now: datetime
) -> tuple[list[Reconnection], list[Reconnection]]:
    """Return the rows of the next call, and those for later ones.

    What the person stopped since we looked is left out, and so is what pacing no longer allows. Two
    rows may lead to one actor who moved: the second one finds what the first made, the next time.
    What was asked for before and is not there goes first, the newest foremost: it is counted already.
    """
    open_rows: dict[ActorId, Reconnection] = {}
    for row in sorted(rest, key=last_asked, reverse=True):
        if work.may_be_followed(row):
            open_rows.setdefault(work.actor(row).id, row)
    rows = list(open_rows.values())
    batch = work.batch(rows)
    without = _uncounted(work, lane, batch, now)
    going = batch[: claiming.allowed(without, work.user, work.destination, now).count]
    return going, rows[len(going) :]


def last_asked(row: Reconnection) -> datetime:
    """Return when a row was asked for last, long ago if never."""
    return row.asked_at or _NEVER


def put_off(
    work: Slice, lane: Lane, rows: Sequence[Reconnection], now: datetime
) -> list[Reconnection]:
    """Return those that were asked for before as they are when pacing allows none: not looked at until it does."""
    again_at = claiming.allowed(lane, work.user, work.destination, now).next_at
    return [replace(row, due_at=again_at) for row in rows if row.asked_at is not None]


def noted(work: Slice, rows: Sequence[Reconnection], now: datetime) -> list[Reconnection]:
    """Return rows as they are when they are about to be asked for, each with its record."""
    new = sum(row.record is None for row in rows)
    records = iter(ways.reserve(work.network, work.deed, new))
    asked = [row.asked(work.actor(row), row.record or next(records), now) for row in rows]
    return [sealing.stored(work.key, row) for row in asked]


def counted(work: Slice, lane: Lane, rows: Sequence[Reconnection], now: datetime) -> Lane:
    """Count follows before they are asked for, killed or not; each once, however often it is asked for."""
    if not rows:
        return lane
    lane = _uncounted(work, lane, rows, now)
    spent = pacing.spend(lane.spent, len(rows), work.destination.limits, now)
    return replace(lane, spent=tuple(spent), remaining=pacing.less(lane.remaining, len(rows)))


def next_undo(
    work: Slice, lane: Lane, rest: Sequence[Reconnection], now: datetime
) -> list[Reconnection]:
    """Return the rows that the next call takes back: the first ones, as many as pacing allows."""
    return work.batch(rest)[: claiming.allowed_undo(lane, work.destination, now).count]


def counted_undo(work: Slice, lane: Lane, rows: Sequence[Reconnection], now: datetime) -> Lane:
    """Count what is taken back before it is: each time, for a call costs whatever it does."""
    limits = work.destination.limits
    spent = pacing.spend(lane.spent, 0, limits, now, undone=len(rows))
    left = pacing.less_undone(lane.remaining, len(rows), limits)
    return replace(lane, spent=tuple(spent), remaining=left)


def _uncounted(work: Slice, lane: Lane, rows: Sequence[Reconnection], now: datetime) -> Lane:
    """Return the lane without what these rows spent when they were asked for last: they are not there."""
    asked = [row.asked_at for row in rows if row.asked_at is not None]
    if not asked:
        return lane
    spent = pacing.uncounted(lane.spent, asked, work.destination.limits, now)
    return replace(lane, spent=tuple(spent))
