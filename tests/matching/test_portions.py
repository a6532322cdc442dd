"""Lists meet others in portions, each of which is shown as it is committed: nobody learns from one who hides."""

from __future__ import annotations

from openportability.domain import UserId
from openportability.matching import meeting
from openportability.matching.holders import Pairs

ALICE = UserId(1)
PROBE = 1_000
LISTS = 300


def _first(others: list[int]) -> tuple[int, int]:
    """Return how many people who are shown the first portion of a list holds, and how many portions there are."""
    portions = [
        [other for other in some.others.tolist() if other != PROBE]
        for some in meeting._portions(Pairs.of(ALICE, map(UserId, others)))
    ]
    return len(portions[0]), len(portions)


def test_every_pair_is_in_one_portion() -> None:
    others = [UserId(number) for number in range(2, 1_500)]
    portions = list(meeting._portions(Pairs.of(ALICE, others)))
    assert sorted(other for some in portions for other in some.others.tolist()) == others
    assert {owner for some in portions for owner in some.owners.tolist()} == {ALICE}
    assert list(meeting._portions(Pairs.of(ALICE, []))) == []


def test_the_first_portion_does_not_tell_whether_somebody_hides_in_it() -> None:
    """The probe stands in the middle of 499 who are shown; cut by count, the first 250 are one fewer with it."""
    shown = [number for number in range(501, 1_500) if number % 2][:499]
    for others in (shown, [*shown, PROBE]):
        first = [_first(others) for _ in range(LISTS)]
        # One more or less is lost in this: sizes differ by hundreds from list to list, and by some at each number.
        for portions in (2, 3):
            assert len({size for size, number in first if number == portions}) > 10
        assert len({number for _, number in first}) > 3


def test_whose_lists_hold_few_meet_them_in_few_portions() -> None:
    portions = [_first(list(range(2, 52)))[1] for _ in range(LISTS)]
    assert sum(portions) < 1.5 * LISTS
