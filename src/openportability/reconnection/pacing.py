"""How many now, when next, when done. Pure; the plan's promise and the work are the same function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from openportability.domain import Limits, Pace

#: Our part of what a network allows. A fifth is always left for the person's own use of their account.
_OURS = {Pace.FULL: 0.8, Pace.NORMAL: 0.5, Pace.GENTLE: 0.5}
_THEIRS = 0.2
#: Networks publish no threshold for calling someone a bulk follower; these passed unnoticed so far.
_GENTLE: tuple[tuple[int, int], ...] = ((50, 3600), (300, 86400))
#: Follows are counted in buckets of this part of the shortest window; older ones, of their age.
_BUCKETS = 12


@dataclass(frozen=True, kw_only=True)
class Spent:
    """So many follows asked for until `at` (the end of a bucket)."""

    at: datetime
    count: int


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What may be done: `count` follows now; if none, some at `next_at`."""

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
    count, next_at = limits.batch * 10_000, now
    for most, seconds in _windows(limits, pace):
        window = timedelta(seconds=seconds)
        inside = [one for one in spent if one.at > now - window]
        left = most - sum(one.count for one in inside)
        if left <= 0:
            next_at = max(next_at, _freed(inside, 1 - left) + window)
        count = min(count, left)
    if remaining is not None and reset_at is not None and reset_at > now:
        left = remaining - _reserved(limits)
        if left <= 0:
            next_at = max(next_at, reset_at)
        count = min(count, left)
    return Allowed(count=max(count, 0), next_at=next_at)


def spend(spent: Sequence[Spent], count: int, limits: Limits, now: datetime) -> list[Spent]:
    """Return the account of follows after `count` more, without what no window sees any more.

    It is kept for every pace: the person may choose another one at any time.
    """
    windows = [seconds for _, seconds in (*limits.follows, *_GENTLE)]
    kept = [one for one in spent if one.at > now - _longest(limits)]
    if count and kept and kept[-1].at >= now:
        kept[-1] = Spent(at=kept[-1].at, count=kept[-1].count + count)
    elif count:
        kept.append(Spent(at=now + timedelta(seconds=min(windows) / _BUCKETS), count=count))
    return _folded(kept, now)


def give_back(spent: Sequence[Spent], count: int) -> list[Spent]:
    """Return the account without so many follows that the network says were not made, the newest ones."""
    kept = list(spent)
    while count > 0 and kept:
        last = kept.pop()
        if last.count > count:
            kept.append(Spent(at=last.at, count=last.count - count))
        count -= last.count
    return kept


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
        Spent(at=one.at, count=count) for one, count in zip(spent, counts, strict=True) if count
    ]


def finish_at(
    limits: Limits,
    pace: Pace,
    spent: Sequence[Spent],
    *,
    remaining: int | None,
    reset_at: datetime | None,
    waiting: int,
    now: datetime,
) -> datetime:
    """Return when `waiting` follows will be done, by running `allow` forward."""
    account = list(spent)
    while waiting > 0:
        allowed = allow(limits, pace, account, remaining=remaining, reset_at=reset_at, now=now)
        count = min(allowed.count, waiting)
        if not count:
            now = max(allowed.next_at, now + timedelta(seconds=1))
            continue
        waiting -= count
        account = spend(account, count, limits, now)
        remaining = less(remaining, count)
        now += timedelta(seconds=count * limits.gap_seconds / limits.batch)
    return now


def less(remaining: int | None, count: int) -> int | None:
    """Return what is left of a network's last word after `count` more follows."""
    return None if remaining is None else max(0, remaining - count)


def _windows(limits: Limits, pace: Pace) -> Iterable[tuple[int, int]]:
    for most, seconds in limits.follows:
        yield max(1, int(most * _OURS[pace])), seconds
    if pace is Pace.GENTLE:
        yield from _GENTLE


def _longest(limits: Limits) -> timedelta:
    """Return how long a follow is kept in the account."""
    return timedelta(seconds=max(seconds for _, seconds in (*limits.follows, *_GENTLE)))


def _reserved(limits: Limits) -> int:
    """Return how many of the shortest window's follows are the person's own."""
    return int(limits.follows[0][0] * _THEIRS) if limits.follows else 0


def _freed(spent: Sequence[Spent], count: int) -> datetime:
    """Return the end of the bucket with which `count` follows leave a window."""
    for one in spent:
        count -= one.count
        if count <= 0:
            break
    return one.at


def _folded(spent: Sequence[Spent], now: datetime) -> list[Spent]:
    """Join buckets that are close for their age. They count until the later one ends: never too few."""
    folded: list[Spent] = []
    for one in spent:
        last = folded[-1] if folded else None
        if last and one.at - last.at < (now - last.at) / _BUCKETS:
            folded[-1] = Spent(at=one.at, count=last.count + one.count)
        else:
            folded.append(one)
    return folded
