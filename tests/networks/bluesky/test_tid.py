"""The record keys that we choose: unique, in order, readable as times."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from openportability.clock import EPOCH, SystemClock, moment
from openportability.networks.bluesky.syntax import is_record_key
from openportability.networks.bluesky.tid import Tids, encode, moment_of


class StoppedClock(SystemClock):
    """Always the same moment."""

    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC)


def test_keys_of_one_moment_differ_and_keep_their_order() -> None:
    tids = Tids(StoppedClock())
    taken = [*tids.take(300), *tids.take(0), *tids.take(300)]
    assert len(set(taken)) == 600
    assert taken == sorted(taken)
    assert all(map(is_record_key, taken))


def test_threads_never_get_the_same_key() -> None:
    tids = Tids(SystemClock())
    with ThreadPoolExecutor(8) as pool:
        taken = [key for keys in pool.map(tids.take, [50] * 40) for key in keys]
    assert len(set(taken)) == len(taken) == 2_000


@given(st.integers(0, 2**53 - 1), st.integers(0, 1023))
def test_the_time_can_be_read_from_a_key(microseconds: int, clock_id: int) -> None:
    key = encode(microseconds, clock_id)
    assert is_record_key(key)
    assert moment_of(key) == moment(microseconds)


def test_the_first_key_of_all_is_all_twos() -> None:
    assert encode(0, 0) == "2" * 13
    assert moment_of("2" * 13) == EPOCH
