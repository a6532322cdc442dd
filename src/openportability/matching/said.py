"""What a row of a match set says, and what that means, for many rows at once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from openportability.matching.directory import FOUND
from openportability.matching.rules import COMBINATIONS, Bit, costs, may_avoid, may_show

Bits = NDArray[np.uint8]
RowNumbers = NDArray[np.int32] | NDArray[np.intp]

#: `since` counts seconds since 1970; unsigned 32 bits of it last until 2106.
ROW = np.dtype([("account", "<u8"), ("since", "<u4"), ("bits", "u1"), ("marks", "u1")])
#: Where there is no row.
NO_ROW = -1

DISMISSED = 1
ARRIVED = 2
OFFERED = 4  # it was part of *all* when last looked at, or waits only for its answer
OWED = 8  # its user must still hear that my lists say nothing of them any more
ANSWERED = 16  # it was counted, and may be shown for as long as a list says that I follow it
WAITS = 32  # it would be shown, but for the number of answers in a day
UNSEEN = 64  # its user is not shown to me: such rows lie apart, and no page opens them

#: The rule for all bits and all choices, to be asked for many rows at once.
MAY_SHOW = np.array([[may_show(Bit(bits), found) for found in FOUND] for bits in COMBINATIONS])
MAY_AVOID = np.array([[may_avoid(Bit(bits), found) for found in FOUND] for bits in COMBINATIONS])
COSTS = np.array([costs(Bit(bits)) for bits in COMBINATIONS])
#: To whom one must let oneself be found to be shown, a bit for each number of `FOUND`: for all bits, and for all once
#: more where it was counted. As bytes, which are looked up without making 64-bit places of them first.
_LETS = b"".join(
    (
        (MAY_SHOW & (answered | ~COSTS[:, None])) @ (1 << np.arange(len(FOUND), dtype=np.uint8))
    ).tobytes()
    for answered in (False, True)
)


class Said:
    """What a set says in some of its rows, a column each; nothing at `NO_ROW`.

    A column is read when it is asked for: with 100,000 rows each is memory that has to be found.
    """

    def __init__(self, rows: NDArray[np.void], places: RowNumbers) -> None:
        self._rows = rows
        self._places = places

    def kept(self, which: NDArray[np.bool_]) -> Said:
        """Return what is said of some of these accounts."""
        return Said(self._rows, self._places[which])

    @cached_property
    def bits(self) -> Bits:
        """What lists say."""
        return self._column("bits")

    @property
    def dismissed(self) -> NDArray[np.bool_]:
        """Who was put aside."""
        return self._marked(DISMISSED)

    @property
    def arrived(self) -> NDArray[np.bool_]:
        """Who came after my lists did, or became visible then: a matter for my standing wish."""
        return self._marked(ARRIVED)

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Who is among those whom my own lists may show me."""
        return self._marked(ANSWERED)

    def may_show(self, found: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Say who is shown to me, of accounts whose owners let themselves be found so."""
        told = self.bits | self.answered.view(np.uint8) << len(Bit)
        lets = np.frombuffer(told.tobytes().translate(_LETS), np.uint8)
        shown: NDArray[np.bool_] = lets >> found & 1 != 0
        return shown

    def since_seconds(self, which: NDArray[np.intp]) -> NDArray[np.uint32]:
        """Return when some of these accounts, which have rows, were met or arrived."""
        since: NDArray[np.uint32] = self._rows["since"][self._places[which]]
        return since

    @cached_property
    def _marks(self) -> NDArray[np.uint8]:
        return self._column("marks")

    def _marked(self, mark: int) -> NDArray[np.bool_]:
        marked: NDArray[np.bool_] = self._marks & np.uint8(mark) != 0
        return marked

    def _column(self, name: str) -> NDArray[np.uint8]:
        # Behind the last row stands one that says nothing: there is `NO_ROW`, counted from the end.
        column: NDArray[np.uint8] = np.append(self._rows[name], np.uint8(0))[self._places]
        return column
