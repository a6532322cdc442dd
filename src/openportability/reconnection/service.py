"""How it goes, and the person's hand on it: progress, pause, resume, stop, retry, undo."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from openportability.accounts import grant_store
from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Actor, Deed, NetworkName, UserId
from openportability.errors import NotFound
from openportability.reconnection import (
    forecasting,
    lane_store,
    move_store,
    plan_store,
    planning,
    reach,
    store,
)
from openportability.reconnection.lane import Lane
from openportability.reconnection.ledger import Reconnection
from openportability.reconnection.plan import Forecast
from openportability.reconnection.rules import UNAVAILABLE, UNDO_WANTED, LaneState, Origin, State
from openportability.site import Site

#: The words of the page: which states each of its numbers adds up.
GROUPS: Mapping[str, frozenset[State]] = {
    "done": frozenset({State.FOLLOWED, State.ALREADY}),
    "waiting": frozenset({State.READY, State.UNDOING}),
    "handed": frozenset({State.HANDED}),
    "pending": frozenset({State.REQUESTED}),
    "failed": frozenset({State.REFUSED, State.GONE}),
    "proposed": frozenset({State.PROPOSED}),
    "undone": frozenset({State.UNDONE, State.CANCELLED}),
}


#: States in which nothing of ours was ever seen at the network.
_UNSENT = frozenset({State.PROPOSED, State.READY, State.HANDED, State.CANCELLED})


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How one network goes."""

    account: Account
    #: Follows by what became of them; blocks and mutes, where there are any.
    counts: Mapping[State, int]
    avoided: Mapping[Deed, Mapping[State, int]]
    state: LaneState
    #: Code of why it waits, if it does.
    reason: str | None
    next_at: datetime | None
    forecast: Forecast | None
    #: Who waits for the person's word.
    asked: Sequence[Account]

    def total(self, group: str) -> int:
        """Return one of the page's numbers."""
        return _total(self.counts, group)

    def total_of(self, deed: Deed, group: str) -> int:
        """Return the same number of blocks or mutes."""
        return _total(self.avoided.get(deed, {}), group)

    @property
    def undoing(self) -> int:
        """Return how many follows, blocks and mutes are still to be taken back."""
        return self._of_all(State.UNDOING)

    @property
    def undone(self) -> int:
        """Return how many were taken back."""
        return self._of_all(State.UNDONE)

    @property
    def under_way(self) -> bool:
        """Say whether anything of it is done by itself."""
        all_of = (self.counts, *self.avoided.values())
        waits = any(_total(counts, "waiting") for counts in all_of)
        return self.state is LaneState.OPEN and waits

    @property
    def wanted(self) -> int:
        """Return how many follows were wanted, and still are."""
        groups = ("done", "waiting", "handed", "pending", "failed")
        return sum(self.total(group) for group in groups) - self.counts.get(State.UNDOING, 0)

    def _of_all(self, state: State) -> int:
        return sum(counts.get(state, 0) for counts in (self.counts, *self.avoided.values()))


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row of the ledger with the one it is about; None: they are not here any more."""

    row: Reconnection
    whom: Account | None

    @property
    def told(self) -> Actor | None:
        """Return whom the row is about, as far as they were asked for or may be seen today."""
        asked = self.row.origin is Origin.ELSEWHERE or self.row.state not in _UNSENT
        kept = self.row.actor if asked else None
        return kept or (self.whom.actor if self.whom else None)


def progress(tx: Tx, site: Site, user: UserId) -> list[Progress]:
    """Return how each network goes, as the ledger says."""
    counted = {deed: _by_account(counts) for deed, counts in store.counts(tx, user).items()}
    asked = reach.count_proposed(tx, site, user, counted[Deed.FOLLOW])
    lanes = {lane.account: lane for lane in lane_store.lanes_of(tx, user)}
    allowed = grant_store.may_follow(tx, user)
    known = accounts.accounts_by_id(tx, sorted(lanes.keys() | set().union(*counted.values())))
    mine = {
        number: account
        for number, account in known.items()
        if account.actor.network in site.networks
    }
    waiting = {
        account.actor.network: sum(
            by.get(account.id, {}).get(State.READY, 0) for by in counted.values()
        )
        for account in mine.values()
    }
    forecasts = {
        forecast.network: forecast
        for forecast in forecasting.forecast(
            tx, site, user, {name: count for name, count in waiting.items() if count}
        )
    }
    return [
        _progress(
            account,
            {deed: by[account.id] for deed, by in counted.items() if account.id in by},
            lanes.get(account.id),
            forecasts,
            allowed,
            asked.get(account.id, ()),
        )
        for account in sorted(mine.values(), key=lambda account: account.id)
    ]


def page(
    tx: Tx,
    site: Site,
    user: UserId,
    *,
    group: str | None,
    before: int | None,
    limit: int,
) -> list[Line]:
    """Return rows of the ledger, newest first, all or of one of the page's numbers."""
    key = accounts.personal_key(tx, site.vault, user)
    states = sorted(GROUPS[group]) if group else []
    rows = store.page(tx, key, user, states=states, before=before, limit=limit)
    # Whom they follow a person knows by themselves; of the others, who hides looks like who left.
    asked = reach.places(tx, {row.place for row in rows if row.state not in _UNSENT})
    unsent = [row for row in rows if row.state in _UNSENT and row.reason != UNAVAILABLE]
    today = {
        deed: reach.shown(tx, site, user, {row.place for row in unsent if row.deed is deed}, deed)
        for deed in Deed
    }
    return [
        Line(row=row, whom=(today[row.deed] if row.state in _UNSENT else asked).get(row.place))
        for row in rows
    ]


def line(tx: Tx, site: Site, user: UserId, row: int) -> Line:
    """Return one row of the user's ledger."""
    found = page(tx, site, user, group=None, before=row + 1, limit=1)
    if not found or found[0].row.id != row:
        raise NotFound
    return found[0]


def pause(tx: Tx, user: UserId) -> None:
    """Hold everything before its next call to a network, until the person says go on: whoever signs in meanwhile."""
    lane_store.hold_all(tx, user)
    lane_store.pause(tx, user)


def resume(tx: Tx, site: Site, user: UserId) -> None:
    """Go on where it stopped."""
    lane_store.hold_all(tx, user)
    _resume(tx, site, user, LaneState.PAUSED, LaneState.HALTED)


def stop(tx: Tx, site: Site, user: UserId) -> int:
    """Cancel all that was not sent; return how many follows that were."""
    now = site.clock.now()
    lanes = lane_store.hold_all(tx, user)
    cancelled = store.cancel(tx, user, now)
    for before in (State.PROPOSED, State.HANDED):
        cancelled += store.move_all(tx, user, before, State.CANCELLED, now)
    planning.wake_lanes(tx, site, lanes)
    return cancelled


def undo(tx: Tx, site: Site, user: UserId, rows: Sequence[int] | None = None) -> int:
    """Take back what we made (all, or these rows), and cancel what was not sent; return how many.

    To take back everything goes on where the person had paused: nothing else is left to do there.
    """
    now = site.clock.now()
    lanes = lane_store.hold_all(tx, user)
    store.cancel(tx, user, now, rows=rows, held=UNDO_WANTED)
    store.move_all(tx, user, State.HANDED, State.CANCELLED, now, rows=rows)
    count = sum(
        store.move_all(tx, user, before, State.UNDOING, now, rows=rows)
        for before in (State.FOLLOWED, State.REQUESTED)
    )
    if rows is None:
        _resume(tx, site, user, LaneState.PAUSED)
    planning.wake_lanes(tx, site, lanes)
    return count


def retry(tx: Tx, site: Site, user: UserId, rows: Sequence[int] | None = None) -> int:
    """Try again what a network refused, and who was gone: they may be back."""
    lanes = lane_store.hold_all(tx, user)
    now = site.clock.now()
    count = sum(
        store.move_all(tx, user, before, State.READY, now, rows=rows)
        for before in (State.REFUSED, State.GONE)
    )
    planning.wake_lanes(tx, site, lanes)
    return count


def end_account(tx: Tx, account: Account) -> None:
    """Forget lane, ledger and plans of an account that is being unlinked."""
    lane_store.drop_lane(tx, account.id)
    store.drop_rows(tx, account)
    plan_store.drop_plans(tx, account.user)


def join(tx: Tx, site: Site, user: UserId, other: UserId) -> None:
    """Let ledger and lanes of two users be one's. Plans go: they speak of one half alone.

    The accounts must be the one user's by now: nobody is to follow themselves.
    """
    for one in sorted((user, other)):
        lane_store.hold_all(tx, one)
        plan_store.drop_plans(tx, one)
    old, key = (accounts.personal_key(tx, site.vault, one) for one in (other, user))
    move_store.move_rows(tx, old, key, other, user)
    move_store.move_lanes(tx, other, user)
    if any(lane.state is LaneState.PAUSED for lane in lane_store.lanes_of(tx, user)):
        lane_store.pause(tx, user)
    own = [account.id for account in accounts.accounts_of(tx, user)]
    mine = move_store.rows_about(tx, key, user, own)
    now = site.clock.now()
    store.cancel(tx, user, now, rows=mine)
    for before in (State.PROPOSED, State.HANDED):
        store.move_all(tx, user, before, State.CANCELLED, now, rows=mine)


def _resume(tx: Tx, site: Site, user: UserId, *closed: LaneState) -> None:
    for account in lane_store.resume(tx, user, site.clock.now(), closed):
        planning.wake_lane(tx, site, account)


def _by_account(
    counts: Mapping[tuple[AccountId, State], int],
) -> dict[AccountId, dict[State, int]]:
    counted: dict[AccountId, dict[State, int]] = {}
    for (account, state), number in counts.items():
        counted.setdefault(account, {})[state] = number
    return counted


def _total(counts: Mapping[State, int], group: str) -> int:
    return sum(counts.get(state, 0) for state in GROUPS[group])


def _as_known(lane: Lane, counts: Mapping[State, int], allowed: Collection[AccountId]) -> Lane:
    """Return a lane as its person knows it, before a worker has come to it: whether it waits for their permission."""
    may_follow = lane.account in allowed
    if lane.state is LaneState.SIGNED_OUT and may_follow:
        return replace(lane, state=LaneState.OPEN, reason=None)
    if lane.state is LaneState.OPEN and not may_follow and counts.get(State.READY):
        return replace(lane, state=LaneState.SIGNED_OUT)
    return lane


def _progress(
    account: Account,
    counted: Mapping[Deed, Mapping[State, int]],
    lane: Lane | None,
    forecasts: Mapping[NetworkName, Forecast],
    allowed: Collection[AccountId],
    asked: Sequence[Account],
) -> Progress:
    counts = counted.get(Deed.FOLLOW, {})
    if lane is not None:
        lane = _as_known(lane, counts, allowed)
    return Progress(
        account=account,
        counts=counts,
        avoided={deed: by for deed, by in counted.items() if deed is not Deed.FOLLOW},
        state=lane.state if lane else LaneState.OPEN,
        reason=lane.reason if lane else None,
        next_at=lane.next_at if lane else None,
        forecast=forecasts.get(account.actor.network),
        asked=asked,
    )
