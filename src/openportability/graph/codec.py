"""A list of keys as bytes, and back: sorted, delta, byte shuffle, zstd; some 6 bytes a link.

Form 1: one byte of version, the count as 8 bytes little-endian, then a zstd frame of the 8-byte differences between
neighbours (the first one to zero), with all lowest bytes first, then all second-lowest, and so on. Neighbouring ids
share their high bytes, so the shuffled high bytes shrink to almost nothing.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import zstandard
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
_N = TypeVar("_N", bound=np.generic)

_VERSION = 1
_HEAD = struct.Struct("<BQ")
#: Leaves bytes that hardly repeat as they are: opened four times as fast as level 3, for a twentieth more of them.
_LEVEL = -1
#: The longest head of a zstd frame.
_FRAME_HEAD = 18
#: Most keys a list may hold; protects the decoder from a forged count.
MOST_KEYS = 50_000_000


class Unreadable(ValueError):
    """These bytes are no list in a form we know."""


def encode(keys: Keys) -> bytes:
    """Return the bytes of sorted, distinct keys."""
    if keys.size > MOST_KEYS:
        raise ValueError(f"more than {MOST_KEYS} keys")
    ordered = keys.astype("<u8", copy=False)
    if not is_sorted_set(ordered):
        raise ValueError("keys must be sorted and distinct")
    steps = np.diff(ordered, prepend=np.zeros(1, "<u8"))
    shuffled = np.ascontiguousarray(steps.view(np.uint8).reshape(-1, 8).T)
    packed = _OWN.compressor.compress(shuffled.tobytes())
    return _HEAD.pack(_VERSION, keys.size) + packed


def decode(packed: bytes) -> Keys:
    """Return the keys of what `encode` made; raise `Unreadable` for anything else."""
    count = _count(packed)
    steps = np.ascontiguousarray(_shuffled(packed, count).T).view("<u8").reshape(count)
    keys: Keys = np.cumsum(steps, dtype=np.uint64)
    if not is_sorted_set(keys):
        raise Unreadable("keys are not sorted")
    return keys


def decode_all(packed: Sequence[bytes]) -> tuple[Keys, NDArray[np.intp]]:
    """Return the keys of many lists, one list after the other, and where each ends.

    Takes two thirds of the time of `decode` for each. Whether keys are sorted is not looked at: made for what was
    sealed by us. Raise `Unreadable` if one cannot be read.
    """
    counts = np.array([_count(one) for one in packed], np.intp)
    ends = np.cumsum(counts)
    steps = np.empty((int(counts.sum()), 8), np.uint8)
    for one, count, end in zip(packed, counts.tolist(), ends.tolist(), strict=True):
        steps[end - count : end] = _shuffled(one, count).T
    keys: Keys = np.cumsum(steps.view("<u8").reshape(-1), dtype=np.uint64)
    # Summed up over all, wrapping around; what the lists before came to is taken off again.
    before = np.concatenate([np.zeros(1, np.uint64), keys])[ends - counts]
    keys -= np.repeat(before, counts)
    return keys, ends


def _count(packed: bytes) -> int:
    """Return how many keys there are, once it is sure that they take no more memory than they must."""
    try:
        version, count = _HEAD.unpack_from(packed)
        # Asked before it is unpacked: a frame is given as much memory as it says it needs.
        size = zstandard.frame_content_size(packed[_HEAD.size : _HEAD.size + _FRAME_HEAD])
    except (struct.error, zstandard.ZstdError) as error:
        raise Unreadable(str(error)) from error
    if version != _VERSION or count > MOST_KEYS or size != count * 8:
        raise Unreadable(f"version {version}, {size} bytes for {count} keys")
    return int(count)


def _shuffled(packed: bytes, count: int) -> NDArray[np.uint8]:
    try:
        frame = memoryview(packed)[_HEAD.size :]
        plain = _OWN.decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Unreadable(str(error)) from error
    if len(plain) != count * 8:
        raise Unreadable(f"{len(plain)} bytes for {count} keys")
    return np.frombuffer(plain, np.uint8).reshape(8, count)


def sorted_set(keys: NDArray[_N]) -> NDArray[_N]:
    """Return keys, or other numbers, in order and each once.

    In numpy 2.4 `unique` looks each number up in a table: a million take a second, and to sort them a fiftieth of it.
    """
    ordered = np.sort(keys)
    new = np.ones(ordered.size, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return ordered[new]


def is_sorted_set(keys: Keys) -> bool:
    """Say whether keys ascend without repetition."""
    return bool((keys[1:] > keys[:-1]).all())


class _Own(threading.local):
    """Each thread's own: to make them takes longer than to read or write an ordinary list."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_OWN = _Own()
