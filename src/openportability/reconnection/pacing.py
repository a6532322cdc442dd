"""How many now, when next, when done. Pure; the plan's promise and the work are the same function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf

from openportability.domain import Limits, Pace, Window

#: Our part of what a network allows. A fifth is always left for the person's own use of their account.
_OURS = {Pace.FULL: 0.8, Pace.NORMAL: 0.5, Pace.GENTLE: 0.5}
_THEIRS = 0.2
#: Networks publish no threshold for calling someone a bulk follower; these passed unnoticed so far.
_GENTLE = (Window(50, 3600), Window(300, 86400))
_NO_WINDOW = Window(0, 0)
#: What is asked for is counted in buckets of this part of the shortest window; older ones, of their age.
_BUCKETS = 12


@dataclass(frozen=True, kw_only=True)
class Spent:
    """So many follows asked for until `at` (the end of a bucket), and so many asked to be undone."""

    at: datetime
    count: int
    undone: int = 0


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What may be done: so many now; if none, some at `next_at`."""

    count: int
    next_at: datetime


def allow(
    limits: Limits,
    pace: Pace,
    spent: Sequence[Spent],
    *,
    remaining: int | None,
    reset_at: datetime | None,
    now: datetime,
) -> Allowed:
    """Return the least of the network's limits, its last word, and the person's pace.

    `remaining` is what its last answer left before `reset_at`.
    """
    costs = [(window, window.follow) for window in _windows(limits, pace)]
    return _least(limits, costs, spent, remaining=remaining, reset_at=reset_at, now=now)


def allow_undo(
    limits: Limits,
    spent: Sequence[Spent],
    *,
    remaining: int | None,
    reset_at: datetime | None,
    now: datetime,
) -> Allowed:
    """Return the same for taking back: at no pace but the network's, for it should end soon."""
    costs = [(window, window.undo) for window in _windows(limits, Pace.FULL)]
    return _least(limits, costs, spent, remaining=remaining, reset_at=reset_at, now=now)


def _least(
    limits: Limits,
    costs: Sequence[tuple[Window, int]],
    spent: Sequence[Spent],
    *,
    remaining: int | None,
    reset_at: datetime | None,
    now: datetime,
) -> Allowed:
    """Return how many may be done that cost so much of these windows; the first is the one of `remaining`."""
    count, next_at = limits.batch * 10_000, now
    for window, cost in costs:
        if not cost:
            continue
        length = timedelta(seconds=window.seconds)
        inside = [one for one in spent if one.at > now - length]
        left = window.most - sum(_taken(one, window) for one in inside)
        if left < cost:
            next_at = max(next_at, _freed(inside, window, cost - left) + length)
        count = min(count, left // cost)
    speaks_of, cost = (limits.windows[0], costs[0][1]) if limits.windows else (_NO_WINDOW, 0)
    if cost and remaining is not None and reset_at is not None and reset_at > now:
        left = remaining * speaks_of.follow - int(speaks_of.most * _THEIRS)
        if left < cost:
            next_at = max(next_at, reset_at)
        count = min(count, left // cost)
    return Allowed(count=max(count, 0), next_at=next_at)


def spend(
    spent: Sequence[Spent], count: int, limits: Limits, now: datetime, *, undone: int = 0
) -> list[Spent]:
    """Return the account after `count` more follows and so many undone, without what no window sees any more.

    It is kept for every pace: the person may choose another one at any time.
    """
    kept = [one for one in spent if one.at > now - _longest(limits)]
    if (count or undone) and kept and kept[-1].at >= now:
        last = kept[-1]
        kept[-1] = replace(last, count=last.count + count, undone=last.undone + undone)
    elif count or undone:
        kept.append(Spent(at=now + _bucket(limits), count=count, undone=undone))
    return _folded(kept, now)


def give_back(spent: Sequence[Spent], count: int) -> list[Spent]:
    """Return the account without so many follows that the network says were not made, the newest ones."""
    kept = list[Spent]()
    for one in reversed(spent):
        back = min(one.count, count)
        count -= back
        kept.append(replace(one, count=one.count - back))
    return [one for one in reversed(kept) if one.count or one.undone]


def uncounted(
    spent: Sequence[Spent], asked: Iterable[datetime], limits: Limits, now: datetime
) -> list[Spent]:
    """Return the account without follows that were asked for at these times and are not there.

    Each leaves the bucket that it is in, if that is still kept: it is for those that are asked for anew.
    """
    counts = [one.count for one in spent]
    for at in asked:
        place = next((number for number, one in enumerate(spent) if one.at >= at), None)
        if place is not None and at > now - _longest(limits):
            counts[place] = max(counts[place] - 1, 0)
    return [
        replace(one, count=count)
        for one, count in zip(spent, counts, strict=True)
        if count or one.undone
    ]


def finish_at(
    limits: Limits,
    pace: Pace,
    spent: Sequence[Spent],
    *,
    remaining: int | None,
    reset_at: datetime | None,
    waiting: int,
    call_seconds: float,
    now: datetime,
) -> datetime:
    """Return when `waiting` follows will be done, by running `allow` forward; a call takes so long."""
    account = list(spent)
    while waiting > 0:
        allowed = allow(limits, pace, account, remaining=remaining, reset_at=reset_at, now=now)
        # Calls that fall into one bucket are the same to the account as if they were made at once.
        last = account[-1].at if account else now
        left = (last if last > now else now + _bucket(limits)) - now
        calls = 1 + (left.total_seconds() // call_seconds if call_seconds else inf)
        count = int(min(allowed.count, waiting, calls * limits.batch))
        if not count:
            now = max(allowed.next_at, now + timedelta(seconds=1))
            continue
        waiting -= count
        account = spend(account, count, limits, now)
        remaining = less(remaining, count)
        now += timedelta(seconds=-(-count // limits.batch) * call_seconds)
    return now


def less(remaining: int | None, count: int) -> int | None:
    """Return what is left of a network's last word after `count` more follows."""
    return None if remaining is None else max(0, remaining - count)


def less_undone(remaining: int | None, undone: int, limits: Limits) -> int | None:
    """Return what is left of it after so many were taken back."""
    speaks_of = limits.windows[0] if limits.windows else _NO_WINDOW
    return less(remaining, -(-undone * speaks_of.undo // speaks_of.follow))


def _windows(limits: Limits, pace: Pace) -> Iterable[Window]:
    for window in limits.windows:
        ours = max(window.follow, window.undo, int(window.most * _OURS[pace]))
        yield window._replace(most=ours)
    if pace is Pace.GENTLE:
        yield from _GENTLE


def _longest(limits: Limits) -> timedelta:
    """Return how long a follow is kept in the account."""
    return timedelta(seconds=max(window.seconds for window in (*limits.windows, *_GENTLE)))


def _bucket(limits: Limits) -> timedelta:
    """Return for how long follows are counted in one bucket."""
    return timedelta(
        seconds=min(window.seconds for window in (*limits.windows, *_GENTLE)) / _BUCKETS
    )


def _taken(one: Spent, window: Window) -> int:
    return one.count * window.follow + one.undone * window.undo


def _freed(spent: Sequence[Spent], window: Window, wanted: int) -> datetime:
    """Return the end of the bucket with which so much leaves a window."""
    for one in spent:
        wanted -= _taken(one, window)
        if wanted <= 0:
            break
    return one.at


def _folded(spent: Sequence[Spent], now: datetime) -> list[Spent]:
    """Join buckets that are close for their age. They count until the later one ends: never too few."""
    folded: list[Spent] = []
    for one in spent:
        last = folded[-1] if folded else None
        if last and one.at - last.at < (now - last.at) / _BUCKETS:
            folded[-1] = Spent(
                at=one.at, count=last.count + one.count, undone=last.undone + one.undone
            )
        else:
            folded.append(one)
    return folded
