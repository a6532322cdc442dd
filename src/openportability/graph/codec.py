"""A list of keys as bytes, and back: sorted, delta, byte shuffle, zstd; some 6 bytes a link.

Form 1: one byte of version, the count as 8 bytes little-endian, then a zstd frame of the 8-byte differences between
neighbours (the first one to zero), with all lowest bytes first, then all second-lowest, and so on. Neighbouring ids
share their high bytes, so the shuffled high bytes shrink to almost nothing.
"""

from __future__ import annotations

import struct
import threading

import numpy as np
import zstandard
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_VERSION = 1
_HEAD = struct.Struct("<BQ")
_LEVEL = 3
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
    try:
        version, count = _HEAD.unpack_from(packed)
        if version != _VERSION or count > MOST_KEYS:
            raise Unreadable(f"version {version}, {count} keys")
        frame = packed[_HEAD.size :]
        # Asked before it is unpacked: a frame is given as much memory as it says it needs.
        size = zstandard.frame_content_size(frame)
        if size != count * 8:
            raise Unreadable(f"{size} bytes for {count} keys")
        plain = _OWN.decompressor.decompress(frame, allow_extra_data=False)
    except (struct.error, zstandard.ZstdError) as error:
        raise Unreadable(str(error)) from error
    shuffled = np.frombuffer(plain, np.uint8).reshape(8, count)
    steps = np.ascontiguousarray(shuffled.T).view("<u8").reshape(count)
    keys: Keys = np.cumsum(steps, dtype=np.uint64)
    if not is_sorted_set(keys):
        raise Unreadable("keys are not sorted")
    return keys


def is_sorted_set(keys: Keys) -> bool:
    """Say whether keys ascend without repetition."""
    return bool((keys[1:] > keys[:-1]).all())


class _Own(threading.local):
    """Each thread's own: to make them takes longer than to read or write an ordinary list."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_OWN = _Own()
