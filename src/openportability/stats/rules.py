"""What may be told in public: no small number, and no number exact enough to see one person come or go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

#: Below this nothing is told; above it, full tens.
LEAST = 10
#: Room for the line in the drawing, in its own units.
WIDTH, HEIGHT = 600, 160

#: A name of what is counted → how many.
Counts = Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Day:
    """The totals at the end of one day (UTC)."""

    day: date
    counts: Counts


def told(count: int) -> int | None:
    """Return a count as it may be told; None: too small."""
    return None if count < LEAST else count // LEAST * LEAST


def shown(day: Day) -> Day:
    """Return a day without its small numbers."""
    rough = {name: told(count) for name, count in day.counts.items()}
    return Day(day=day.day, counts={name: n for name, n in rough.items() if n is not None})


def line(days: Sequence[Day], name: str) -> str:
    """Return the points of a line over the days that tell this count; empty below two of them."""
    told_on = [(one.day.toordinal(), one.counts[name]) for one in days if name in one.counts]
    if len(told_on) < 2:
        return ""
    first, last = told_on[0][0], told_on[-1][0]
    most = max(count for _, count in told_on)
    return " ".join(
        f"{(day - first) * WIDTH / (last - first):.1f},{HEIGHT - count * HEIGHT / most:.1f}"
        for day, count in told_on
    )
