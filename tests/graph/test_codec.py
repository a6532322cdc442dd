"""Lists as bytes: what is written today must be read for ever."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from openportability.graph import codec
from openportability.graph.codec import (
    Keys,
    Unreadable,
    decode,
    decode_all,
    encode,
    sorted_set,
)

#: Form 1, as it was first written. Never change these bytes: people's lists look like them.
FIRST_FORM = bytes.fromhex(
    "010b0000000000000028b52ffd205895010004020001010af3016e920000ff00f20c0bf4b44c00ff"
    "936c768900e11dfa0518677f0700a0605006201814023271297c8124"
)
FIRST_KEYS = [0, 1, 2, 255, 256, 12, 783214, 2**40, 1800000000000000000, 2**63, 2**64 - 1]


def keys_of(numbers: set[int] | list[int]) -> Keys:
    return np.array(sorted(numbers), np.uint64)


key_sets = st.sets(st.integers(0, 2**64 - 1) | st.integers(0, 300)).map(keys_of)


@given(key_sets)
def test_what_was_encoded_is_decoded(keys: Keys) -> None:
    back = decode(encode(keys))
    assert back.dtype == np.uint64
    assert back.tolist() == keys.tolist()


@given(st.binary() | st.binary().map(lambda rest: b"\x01" + rest))
def test_arbitrary_bytes_are_unreadable_and_nothing_worse(noise: bytes) -> None:
    try:
        keys = decode(noise)
    except Unreadable:
        return
    assert codec.is_sorted_set(keys)


@given(key_sets.filter(len), st.data())
def test_a_cut_or_grown_list_is_unreadable(keys: Keys, data: st.DataObject) -> None:
    packed = encode(keys)
    cut = data.draw(st.integers(0, len(packed) - 1))
    for broken in (packed[:cut], packed + b"\x00"):
        with pytest.raises(Unreadable):
            decode(broken)


@given(st.lists(key_sets))
def test_many_lists_are_decoded_one_after_the_other(some: list[Keys]) -> None:
    keys, ends = decode_all([encode(one) for one in some])
    assert keys.dtype == np.uint64
    assert ends.size == len(some)
    assert [one.tolist() for one in np.split(keys, ends[:-1])][: len(some)] == [
        one.tolist() for one in some
    ]


@given(key_sets.filter(len), st.data())
def test_one_cut_list_among_many_is_unreadable(keys: Keys, data: st.DataObject) -> None:
    packed = encode(keys)
    cut = data.draw(st.integers(0, len(packed) - 1))
    for broken in (packed[:cut], b"\x02" + packed[1:]):
        with pytest.raises(Unreadable):
            decode_all([packed, broken, packed])


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5)))
def test_a_sorted_set_is_what_python_says(some: list[int]) -> None:
    assert sorted_set(np.array(some, np.uint64)).tolist() == sorted(set(some))


def test_the_first_form_is_read_for_ever() -> None:
    assert decode(FIRST_FORM).tolist() == sorted(FIRST_KEYS)


def test_a_form_of_the_future_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        decode(b"\x02" + FIRST_FORM[1:])


def test_a_forged_size_gets_no_memory() -> None:
    most = codec.MOST_KEYS + 1
    frame = zstandard.ZstdCompressor().compress(b"\x00" * 8)
    for count in (most, codec.MOST_KEYS, 2**63):
        with pytest.raises(Unreadable):
            decode(struct.pack("<BQ", 1, count) + frame)


def test_steps_that_stand_still_or_run_over_are_unreadable() -> None:
    for steps in ([5, 0], [2**63, 2**63]):
        plain = np.array(steps, "<u8").view(np.uint8).reshape(-1, 8).T.tobytes()
        frame = zstandard.ZstdCompressor().compress(plain)
        with pytest.raises(Unreadable):
            decode(struct.pack("<BQ", 1, len(steps)) + frame)


@pytest.mark.parametrize("wrong", [[2, 1], [1, 1]])
def test_what_is_no_sorted_set_is_not_encoded(wrong: list[int]) -> None:
    with pytest.raises(ValueError, match="sorted and distinct"):
        encode(np.array(wrong, np.uint64))


def test_more_keys_than_a_list_may_hold_are_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MOST_KEYS", 2)
    with pytest.raises(ValueError, match="more than 2 keys"):
        encode(keys_of([1, 2, 3]))


def test_a_list_takes_less_than_seven_bytes_a_link() -> None:
    ids = np.random.default_rng(1).integers(10**17, 19 * 10**17, 3000, np.uint64)
    assert len(encode(np.unique(ids))) < 7 * ids.size


def test_lists_of_any_level_lie_beside_one_another() -> None:
    """Earlier lists were packed more tightly."""
    keys = keys_of(FIRST_KEYS)
    assert [one.tolist() for one in np.split(decode_all([FIRST_FORM, encode(keys)])[0], 2)] == [
        sorted(FIRST_KEYS)
    ] * 2
