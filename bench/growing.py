"""How each figure grows with the number of links: a hundredth of them, a tenth, all; on SQLite.

`--links 470M` is what the goals speak of. Where something takes c times as long for ten times as many links, log10 of c
is told: 0 is as long as before, 1 is ten times as long. Of processor time where it is known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import matching, sites, sweeping, world
from bench.figures import Figure, Measured, beside

_STEPS = (0.01, 0.1, 1.0)


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures of each size, then by how much they grew from the one before."""
    before: dict[str, Measured] = {}
    for step in _STEPS:
        now = {}
        for one in _of_size(scale * step):
            now[one.case] = one
            name = f"{one.case}@{scale * step * world.LINKS / 10**6:g}M"
            yield from beside("growth", "sqlite", [one._replace(case=name)], {}, {})
        if before:
            grown = [_growth(before[case], one) for case, one in now.items()]
            yield from beside("growth", "sqlite", grown, {}, {})
        before = now


def _of_size(scale: float) -> Iterator[Measured]:
    with TemporaryDirectory(prefix="openportability-bench-") as name:
        made = world.made(scale, Path(name))
        with sites.opened(Path(name) / "site") as site:
            members = world.settle(site, made.members.tolist())
            yield from matching.filled(site, made, members)
            yield from matching.forward(site, made, world.settle(site, matching.NEWCOMERS))
            yield from sweeping.reverse(site, made)
        yield matching.memory(Path(name) / "site", None)


def _growth(before: Measured, now: Measured) -> Measured:
    less, more = (one.ours if one.cpu is None else one.cpu for one in (before, now))
    exponent = math.log10(more / less) if less and more else math.nan
    return Measured(before.case, "log10", round(exponent, 2))
