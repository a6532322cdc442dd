"""Which of these keys are among those? A byte table throws out almost all, an exact search decides on the rest.

The table is read at random but is small enough for the cache; for a list of thousands against a directory of
millions that beats searching alone two to one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openportability.graph.codec import Keys

Places = NDArray[np.intp]

#: Knuth's multiplicative hash: 2**64 divided by the golden ratio, odd.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
#: Table slots per key: one in sixteen strangers survives to the exact search.
_SLOTS_PER_KEY = 16


class Probe:
    """Sorted, distinct keys, ready to be asked many times."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        bits = max(10, int(keys.size * _SLOTS_PER_KEY - 1).bit_length())
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << bits, np.bool_)
        self._table[self._slots(keys)] = True

    def among(self, asked: Keys) -> tuple[Places, Places]:
        """Return positions in `asked` of keys that are here, and their positions in `self.keys`."""
        maybe = np.flatnonzero(self._table[self._slots(asked)])
        if not self.keys.size or not maybe.size:
            return np.empty(0, np.intp), np.empty(0, np.intp)
        few = asked[maybe]
        at = np.searchsorted(self.keys, few)
        at[at == self.keys.size] = 0
        exact = self.keys[at] == few
        return maybe[exact], at[exact]

    def _slots(self, keys: Keys) -> Places:
        slots = keys * _GOLDEN
        slots >>= self._shift
        # Small enough to be places; as other numbers they would be turned into such one by one.
        return slots.view(np.intp)


def held(keys: Keys, asked: Keys) -> NDArray[np.bool_]:
    """Say of each asked key whether it is among sorted keys. Made for few that are asked once."""
    if not keys.size:
        return np.zeros(asked.size, np.bool_)
    at = np.searchsorted(keys, asked)
    at[at == keys.size] = 0
    found: NDArray[np.bool_] = keys[at] == asked
    return found
