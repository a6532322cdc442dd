"""Never more than a limit in any window; what is promised is what is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openportability.domain import Limits, Pace, Window
from openportability.reconnection import pacing
from openportability.reconnection.pacing import Spent

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = 3_600, 86_400
ONE_BY_ONE = Limits(batch=1, look=5, windows=(Window(400, DAY),), gap_seconds=1)
IN_BATCHES = Limits(batch=200, look=200, windows=(Window(1_666, HOUR), Window(11_666, DAY)))
IN_POINTS = Limits(
    batch=200,
    look=200,
    windows=(Window(5_000, HOUR, follow=3, undo=1), Window(35_000, DAY, follow=3, undo=1)),
)
SHORT = Limits(batch=7, look=20, windows=(Window(10, 60), Window(25, 600)))
ENDLESS = Limits(batch=10, look=20, windows=())
SHARE = {Pace.FULL: 0.8, Pace.NORMAL: 0.5, Pace.GENTLE: 0.5}
GENTLE = ((50, HOUR), (300, DAY))

limits_of_any = st.sampled_from([ONE_BY_ONE, IN_BATCHES, SHORT, ENDLESS])
for_any = partial(given, limits=limits_of_any, pace=st.sampled_from(Pace))


def allowed(limits: Limits, pace: Pace, spent: list[Spent], now: datetime) -> pacing.Allowed:
    return pacing.allow(limits, pace, spent, remaining=None, reset_at=None, now=now)


def windows(limits: Limits, pace: Pace) -> list[tuple[int, int]]:
    """Return how many follows are ours in how many seconds."""
    ours = [(int(most * SHARE[pace]), seconds) for most, seconds, *_ in limits.windows]
    return [*ours, *(GENTLE if pace is Pace.GENTLE else ())]


@settings(deadline=None)
@for_any(
    steps=st.lists(
        st.tuples(
            st.one_of(
                st.floats(0, 120), st.sampled_from([60.0, 600.0, 3_600.0, 4_000.0, 86_400.0])
            ),
            st.integers(0, 3_000),
        ),
        max_size=60,
    ),
)
def test_no_window_ever_holds_more_than_our_part_of_a_limit(
    limits: Limits, pace: Pace, steps: list[tuple[float, int]]
) -> None:
    now, spent, history = NOW, list[Spent](), list[tuple[datetime, int]]()
    for seconds, wanted in steps:
        now += timedelta(seconds=seconds)
        count = min(wanted, allowed(limits, pace, spent, now).count)
        spent = pacing.spend(spent, count, limits, now)
        history.append((now, count))
    for most, seconds in windows(limits, pace):
        for end, _ in history:
            start = end - timedelta(seconds=seconds)
            assert sum(count for at, count in history if start < at <= end) <= most


@settings(deadline=None)
@given(
    pace=st.sampled_from(Pace),
    steps=st.lists(
        st.tuples(
            st.sampled_from([1.0, 60.0, 400.0, 3_601.0]),
            st.integers(0, 2_000),
            st.integers(0, 6_000),
        ),
        max_size=40,
    ),
)
def test_follows_and_what_is_undone_share_every_window(
    pace: Pace, steps: list[tuple[float, int, int]]
) -> None:
    now, spent, history = NOW, list[Spent](), list[tuple[datetime, int, int]]()
    for seconds, follows, undos in steps:
        now += timedelta(seconds=seconds)
        room = pacing.allow_undo(IN_POINTS, spent, remaining=None, reset_at=None, now=now)
        undone = min(undos, room.count)
        spent = pacing.spend(spent, 0, IN_POINTS, now, undone=undone)
        count = min(follows, allowed(IN_POINTS, pace, spent, now).count)
        spent = pacing.spend(spent, count, IN_POINTS, now)
        history.append((now, count, undone))
    for window in IN_POINTS.windows:
        for end, *_ in history:
            start = end - timedelta(seconds=window.seconds)
            inside = [(count, undone) for at, count, undone in history if start < at <= end]
            assert sum(3 * count + undone for count, undone in inside) <= 0.8 * window.most


def test_undoing_is_not_gentle_and_leaves_a_fifth() -> None:
    spent = pacing.spend((), 0, IN_POINTS, NOW, undone=4_000)
    room = partial(pacing.allow_undo, IN_POINTS, remaining=None, reset_at=None)
    assert room((), now=NOW).count == 4_000
    assert room(spent, now=NOW).count == 0
    assert allowed(IN_POINTS, Pace.FULL, spent, NOW).count == 0
    assert room(spent, now=room(spent, now=NOW).next_at).count == 4_000


def test_undoing_heeds_what_the_network_says_is_left() -> None:
    later = NOW + timedelta(minutes=5)
    room = partial(pacing.allow_undo, IN_POINTS, (), reset_at=later, now=NOW)
    assert room(remaining=334).count == 334 * 3 - 1_000
    assert room(remaining=333) == pacing.Allowed(count=0, next_at=later)
    of_follows = pacing.allow_undo(ONE_BY_ONE, (), remaining=0, reset_at=later, now=NOW)
    assert of_follows.count > 0, "it says nothing of undoing"


def test_what_is_undone_stays_counted_when_follows_are_given_back() -> None:
    spent = pacing.spend(pacing.spend((), 3, IN_POINTS, NOW), 0, IN_POINTS, NOW, undone=2)
    assert [(one.count, one.undone) for one in pacing.give_back(spent, 3)] == [(0, 2)]
    asked = [NOW] * 3
    assert [one.undone for one in pacing.uncounted(spent, asked, IN_POINTS, NOW)] == [2]


def test_what_is_left_is_less_by_what_undoing_costs() -> None:
    assert pacing.less_undone(10, 4, IN_POINTS) == 8
    assert pacing.less_undone(10, 4, ONE_BY_ONE) == 10
    assert pacing.less_undone(10, 4, ENDLESS) == 10
    assert pacing.less_undone(None, 4, IN_POINTS) is None


@settings(deadline=None)
@for_any(
    steps=st.lists(
        st.tuples(
            st.sampled_from([1.0, 30.0, 60.0, 600.0, 3_601.0]),
            st.integers(0, 120),
            st.integers(0, 120),
        ),
        max_size=40,
    ),
)
def test_what_is_asked_for_again_counts_once_where_it_was_asked_for_last(
    limits: Limits, pace: Pace, steps: list[tuple[float, int, int]]
) -> None:
    now, spent, unmade, made = NOW, list[Spent](), list[datetime](), list[datetime]()
    for seconds, wanted, lost in steps:
        now += timedelta(seconds=seconds)
        again = sorted(unmade, reverse=True)[:wanted]
        without = pacing.uncounted(spent, again, limits, now)
        count = min(allowed(limits, pace, without, now).count, wanted)
        spent = pacing.uncounted(spent, again[:count], limits, now)
        spent = pacing.spend(spent, count, limits, now)
        unmade = sorted(unmade, reverse=True)[min(count, len(again)) :]
        unmade += [now] * min(lost, count)
        made += [now] * (count - min(lost, count))
        for most, window in windows(limits, pace):
            start = now - timedelta(seconds=window)
            assert sum(at > start for at in (*made, *unmade)) <= most


@settings(deadline=None)
@for_any(waiting=st.integers(1, 1_000), call_seconds=st.floats(0, 20))
def test_the_forecast_is_the_work_run_forward(
    limits: Limits, pace: Pace, waiting: int, call_seconds: float
) -> None:
    promised = pacing.finish_at(
        limits,
        pace,
        (),
        remaining=None,
        reset_at=None,
        waiting=waiting,
        call_seconds=call_seconds,
        now=NOW,
    )
    now, left, spent = NOW, waiting, list[Spent]()
    while left:
        allowance = allowed(limits, pace, spent, now)
        count = min(allowance.count, left, limits.batch)
        if not count:
            assert allowance.next_at > now, "a lane that may do nothing is told when to come back"
            now = allowance.next_at
            continue
        spent = pacing.spend(spent, count, limits, now)
        left -= count
        now += timedelta(seconds=call_seconds)
    assert abs(promised - now) < max(timedelta(seconds=2), (now - NOW) / 100)


@given(remaining=st.integers(0, 400))
def test_the_network_s_last_word_counts_and_a_fifth_is_the_person_s(remaining: int) -> None:
    reset_at = NOW + timedelta(hours=2)
    allowance = pacing.allow(
        ONE_BY_ONE, Pace.FULL, (), remaining=remaining, reset_at=reset_at, now=NOW
    )
    assert allowance.count == max(0, remaining - 80)
    if not allowance.count:
        assert allowance.next_at == reset_at


def test_a_word_about_a_window_that_is_over_is_forgotten() -> None:
    allowance = pacing.allow(
        ONE_BY_ONE, Pace.FULL, (), remaining=0, reset_at=NOW - timedelta(seconds=1), now=NOW
    )
    assert allowance.count == 320


def test_gentle_is_fifty_an_hour_and_three_hundred_a_day() -> None:
    finished = pacing.finish_at(
        IN_BATCHES,
        Pace.GENTLE,
        (),
        remaining=None,
        reset_at=None,
        waiting=301,
        call_seconds=0,
        now=NOW,
    )
    assert timedelta(days=1) <= finished - NOW < timedelta(days=1, hours=2)


def test_gentle_counts_what_was_done_at_another_pace() -> None:
    spent = pacing.spend((), 300, SHORT, NOW)
    for hours in range(1, 23):
        spent = pacing.spend(spent, 0, SHORT, NOW + timedelta(hours=hours))
    assert allowed(SHORT, Pace.GENTLE, spent, NOW + timedelta(hours=23)).count == 0


@pytest.mark.parametrize("limits", [ONE_BY_ONE, IN_BATCHES, SHORT])
def test_the_account_of_a_busy_week_stays_short(limits: Limits) -> None:
    spent = list[Spent]()
    for minute in range(7 * 24 * 60):
        spent = pacing.spend(spent, 1, limits, NOW + timedelta(minutes=minute))
    assert len(spent) < 150


def test_given_back_is_what_was_spent_last_and_never_more() -> None:
    first = pacing.spend([], 5, SHORT, NOW)
    spent = pacing.spend(first, 3, SHORT, NOW + timedelta(seconds=30))
    assert pacing.give_back(spent, 3) == first
    assert [one.count for one in pacing.give_back(spent, 4)] == [4]
    assert pacing.give_back(spent, 9) == []


def test_less_of_what_is_not_known_is_not_known() -> None:
    assert pacing.less(None, 3) is None
    assert pacing.less(2, 3) == 0
