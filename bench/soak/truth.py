"""What the ledger says against what the simulated networks hold: they count, not we."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select

from bench.soak.town import Made, Town
from openportability.accounts import store as accounts
from openportability.db.schema import lanes, reconnections
from openportability.domain import Account, AccountId, ActorId
from openportability.reconnection import store
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.rules import LaneState, State

#: Nothing is left to do; who is asked may answer later.
_ENDED = frozenset({State.FOLLOWED, State.ALREADY, State.REQUESTED, State.REFUSED, State.GONE})
_THERE = frozenset({State.FOLLOWED, State.ALREADY})
_OURS = frozenset({State.FOLLOWED, State.REQUESTED})
#: What the gentle pace allows in an hour. A call may be on its way for some seconds, which are minutes of a fast clock.
_SHARE, _AN_HOUR = 50, timedelta(minutes=45)
#: Where time was up there are many; they must not keep other words away.
_LEFT_TOLD = 5
#: A promise of minutes is told by the pauses of one wait that a network asks for, not by limits.
_LONG_ENOUGH = timedelta(hours=1)


@dataclass(kw_only=True)
class Findings:
    """What is wrong, in follows; and a word about the first few."""

    lost: int = 0
    double: int = 0
    untrue: int = 0
    over_limit: int = 0
    #: Queued jobs that were lost on purpose.
    dropped: int = 0
    states: Counter[State] = field(default_factory=Counter)
    words: list[str] = field(default_factory=list)
    #: By which part of the time each promise was missed: early below nought, late above it.
    late: list[float] = field(default_factory=list)

    def say(self, text: str) -> None:
        if len(self.words) < 20:
            self.words.append(text)


def meanwhile(town: Town, sample: Sequence[Account], found: Findings) -> None:
    """Compare while work goes on: what is said to be made is there, what is there was asked for."""
    for me in sample:
        said = _rows(town, me)
        follows = {town.home(one) for one in town.follows(me)}
        after = _rows(town, me)
        for row, actor in said:
            # Who moved may be asked for already, by the row of where they were.
            is_there = row.state in _THERE and row.reason != "net.pending"
            if is_there and town.home(actor) not in follows:
                found.untrue += 1
                found.say(f"said to be there: {row.state} {actor}")
        known = {
            town.home(actor)
            for row, actor in after
            if row.asked_at is not None or row.state in _ENDED
        }
        strangers = follows - known - {town.home(one) for one in town.before[me.user]}
        found.untrue += len(strangers)
        for one in strangers:
            found.say(f"there, and never asked for: {one}")
        _counts_agree(town, me, found)


def at_the_end(town: Town) -> Findings:
    """Compare everybody, when no more is to be done."""
    found, made = Findings(), town.made()
    for me in town.members:
        rows = _rows(town, me)
        follows = Counter(town.follows(me))
        _page_agrees(town, me, set(follows), found)
        _log_agrees(town, rows, made.get(me.actor.id, ()), found)
        _pace_was_kept(me, made.get(me.actor.id, ()), found)
        if forgotten := town.wanted[me.user] - len(rows):
            found.lost += forgotten
            found.say(f"forgotten: {forgotten} of {town.wanted[me.user]} that {me.actor.id} wanted")
        found.double += sum(times - 1 for times in follows.values())
        found.states.update(row.state for row, _ in rows)
        if (late := _late(town, me, rows)) is not None:
            found.late.append(late)
        for row, actor in rows:
            if row.state not in _ENDED or row.reason == "net.unavailable":
                found.lost += 1
                if found.lost <= _LEFT_TOLD:
                    found.say(f"left: {row.state} {row.reason} {row.attempts} {actor}")
    meanwhile(town, town.members, found)
    for name, line in town.lines.items():
        for actor, spent in line.ask("spending").items():
            if spent["refused"]:
                found.over_limit += spent["refused"]
                found.say(f"over the limit on {name}: {actor} {spent}")
    return found


def left(town: Town) -> int:
    """Return how many follows still wait."""
    waiting = select(func.count()).where(reconnections.c.state.not_in(_ENDED))
    with town.site.db.read() as tx:
        count: int = tx.execute(waiting).scalar_one()
    return count


def signed_out(town: Town) -> list[Account]:
    """Return those whose lanes wait for them to sign in."""
    wanted = select(lanes.c.account_id).where(lanes.c.state == LaneState.SIGNED_OUT)
    with town.site.db.read() as tx:
        waiting = {AccountId(account) for account in tx.execute(wanted).scalars()}
    return [one for one in town.members if one.id in waiting]


def _rows(town: Town, me: Account) -> list[tuple[Reconnection, ActorId]]:
    with town.site.db.read() as tx:
        key = accounts.personal_key(tx, town.site.vault, me.user)
        rows = store.page(tx, key, me.user, states=(), before=None, limit=10_000)
    ids = {one.id: one.actor.id for one in town.members}
    return [(row, ids[row.whom]) for row in rows]


def _counts_agree(town: Town, me: Account, found: Findings) -> None:
    """Compare the numbers of the API with the rows behind them, where those stand still meanwhile."""
    rows = Counter(str(row.state) for row, _ in _rows(town, me))
    shown = town.counts(me)
    still = rows == Counter(str(row.state) for row, _ in _rows(town, me))
    if still and rows != shown:
        found.untrue += 1
        found.say(f"the page says {shown}, the rows {rows}")


def _page_agrees(town: Town, me: Account, follows: set[ActorId], found: Findings) -> None:
    """Compare the numbers of the API with what the network holds that was not there before.

    Who was asked may have approved since we looked; of what still waits where time was up, an answer may be lost.
    """
    shown, made = town.counts(me), len(follows - town.before[me.user])
    done = shown.get(State.FOLLOWED, 0)
    unknown = shown.get(State.REQUESTED, 0) + shown.get(State.READY, 0)
    if not done <= made <= done + unknown:
        found.untrue += 1
        found.say(f"the page says {shown}, the network holds {made} more than before")


def _log_agrees(
    town: Town,
    rows: Sequence[tuple[Reconnection, ActorId]],
    made: Sequence[Made],
    found: Findings,
) -> None:
    """Compare what we say that we made, requests included, with what the network noted when it made it.

    Of what still waits where time was up, an answer may be lost.
    """
    ours = {town.home(actor) for row, actor in rows if row.state in _OURS}
    unknown = {town.home(actor) for row, actor in rows if row.state is State.READY}
    noted = {town.home(one.whom) for one in made}
    for one in ours - noted:
        found.untrue += 1
        found.say(f"said to be made, and never was: {one}")
    for one in noted - ours - unknown:
        found.untrue += 1
        found.say(f"made, and not said: {one}")


def _pace_was_kept(me: Account, made: Sequence[Made], found: Findings) -> None:
    """Count what was made beyond the person's pace: the limits of a network are far above what somebody wants here."""
    for earlier, later in zip(made, made[_SHARE:], strict=False):
        if later.at - earlier.at < _AN_HOUR:
            found.over_limit += 1
            found.say(f"over the pace: {me.actor.id} {earlier.at} {later.at}")


def _late(town: Town, me: Account, rows: Sequence[tuple[Reconnection, ActorId]]) -> float | None:
    """Return by which part of the time the promise was missed; None: it was too short to tell.

    It is about our asking: who was asked approves when they like.
    """
    start = town.started[me.user]
    ended = max((row.asked_at for row, _ in rows if row.asked_at is not None), default=start.at)
    said = start.promised - start.at
    return (ended - start.promised) / said if said >= _LONG_ENOUGH else None
