"""Record keys that we choose ourselves, in 13 characters that sort by time.

They hold 53 bits of microseconds and 10 bits of a clock id.

https://atproto.com/specs/tid
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from threading import Lock

from openportability.clock import Clock, micros, moment

ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
LENGTH = 13
CLOCK_ID_BITS = 10


class Tids:
    """Gives out record keys: never one twice, each greater than the one before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._clock_id = secrets.randbits(CLOCK_ID_BITS)
        self._last = 0
        self._lock = Lock()

    def take(self, count: int) -> Sequence[str]:
        """Return `count` fresh keys."""
        with self._lock:
            first = max(self._last + 1, micros(self._clock.now()))
            self._last = first + count - 1 if count else self._last
        return [encode(first + i, self._clock_id) for i in range(count)]


def encode(microseconds: int, clock_id: int) -> str:
    """Return the key of a moment and a clock id."""
    number = microseconds << CLOCK_ID_BITS | clock_id
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(LENGTH)))


def moment_of(key: str) -> datetime:
    """Return the time that a key was made for."""
    number = 0
    for character in key:
        number = number << 5 | ALPHABET.index(character)
    return moment(number >> CLOCK_ID_BITS)
