"""What somebody who forges lists can learn: of who hides, by the time of a page; of others, by asking for everybody.

Pages of four people are timed in turn, in an order by chance: their lists hold only ids that are absent, that hide,
that left, or (to see that the clock would show it) some who are shown. A Mann-Whitney test says how probable times as
different as these are where there is no difference; resampling says how small a difference it would have found.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from bench import sites, world
from bench.figures import Figure
from openportability.accounts import store as accounts
from openportability.circle import view
from openportability.circle.view import Show
from openportability.domain import Found, Kind, UserId
from openportability.matching import service, store, sweep
from openportability.matching.seen import Filter
from openportability.privacy import service as privacy
from openportability.site import Site

#: People who hide, and ids in each list but the forged one.
_PEOPLE = 300
_SHOWN = 20
_TIMES = 1_000
_FORGED = 10_000_000
_OPEN, _A_DAY = 1_000, 100
_HIDING, _LEAVING, _ABSENT, _ANYONE = (n * 100_000 + 1 for n in range(1, 5))
#: One in so many comparisons may find what is not there, and one in so many may miss what is.
_WRONG, _SEEN = 0.05, 0.8

Times = NDArray[np.float64]


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures."""
    with TemporaryDirectory(prefix="openportability-bench-") as name:
        given = {"OPENPORTABILITY_ANSWERS_A_DAY": str(_A_DAY)}
        with sites.opened(Path(name), given=given) as site:
            askers = _settled(site)
            taken = _timed(site, askers, int(_TIMES * min(scale, 1)))
            for case in ("hiding", "left", "shown"):
                # The control is to be found, the others are not.
                yield _figure(f"{case}-p", "probability", _p(taken["absent"], taken[case]))
            yield _figure("seen-from", "microseconds", _least(taken["absent"]) * 1e6)
            yield _figure("a-page", "microseconds", float(np.median(taken["absent"])) * 1e6)
            yield from _forged(site, int(_FORGED * scale))


def _figure(case: str, metric: str, ours: float, goal: float | None = None) -> Figure:
    return Figure(
        bench="oracle", case=case, database="sqlite", metric=metric, ours=round(ours, 4), goal=goal
    )


def _settled(site: Site) -> dict[str, UserId]:
    """Let everybody come, and who leaves leave; return who asks, by what their lists hold."""
    ids = {
        "absent": range(_ABSENT, _ABSENT + _PEOPLE),
        "hiding": range(_HIDING, _HIDING + _PEOPLE),
        "left": range(_LEAVING, _LEAVING + _PEOPLE),
        "shown": range(_ANYONE, _ANYONE + _SHOWN),
    }
    for number in range(_ANYONE, _ANYONE + _OPEN):
        world.join(site, number)
    for number in ids["hiding"]:
        hiding = world.join(site, number).user
        with site.db.write() as tx:
            accounts.choose(tx, hiding, found=Found.NOBODY)
    for leaving in [world.join(site, number).user for number in ids["left"]]:
        privacy.leave(site, leaving)
    return {
        case: _bringing(site, 10 + n, np.array(some, np.uint64))
        for n, (case, some) in enumerate(ids.items())
    }


def _bringing(site: Site, number: int, keys: NDArray[np.uint64]) -> UserId:
    account = world.join(site, number)
    with site.db.write() as tx:
        world.put(tx, site, account, {Kind.FOLLOWING: keys})
    sweep.match_lists(site, account.user)
    return account.user


def _timed(site: Site, askers: dict[str, UserId], times: int) -> dict[str, Times]:
    luck, cases = np.random.default_rng(4), list(askers)
    taken: dict[str, list[float]] = {case: [] for case in cases}
    for _ in range(times):
        for case in luck.permutation(cases):
            started = time.perf_counter()
            with site.db.read() as tx:
                view.page(tx, site, askers[case], Filter(), Show.ALL, after=None, limit=50)
            taken[case].append(time.perf_counter() - started)
    return {case: np.array(some) for case, some in taken.items()}


def _p(some: Times, others: Times) -> float:
    """Return how probable ranks as different as these are if both are alike (Mann and Whitney, 1947)."""
    ranks = np.empty(some.size + others.size)
    ranks[np.argsort(np.concatenate([some, others]))] = np.arange(1, ranks.size + 1)
    above = ranks[: some.size].sum() - some.size * (some.size + 1) / 2
    spread = math.sqrt(some.size * others.size * (ranks.size + 1) / 12)
    return math.erfc(abs(above - some.size * others.size / 2) / spread / math.sqrt(2))


def _least(some: Times) -> float:
    """Return the smallest difference in seconds that the test would find so often as `_SEEN` says."""
    luck = np.random.default_rng(5)
    for difference in 1e-6 * 1.25 ** np.arange(60):
        found = [
            _p(luck.choice(some, some.size), luck.choice(some, some.size) + difference) < _WRONG
            for _ in range(100)
        ]
        if np.mean(found) >= _SEEN:
            return float(difference)
    return math.inf


def _forged(site: Site, count: int) -> Iterator[Figure]:
    """Yield what a list of so many invented ids learns that holds everybody who is here."""
    luck = np.random.default_rng(6)
    keys = np.unique(np.append(luck.integers(2**40, 2**62, count, np.uint64), range(1, 500_000)))
    started = time.perf_counter()
    attacker = _bringing(site, 9, keys.astype(np.uint64))
    yield _figure("forged-match", "seconds", time.perf_counter() - started)
    with site.db.read() as tx:
        people = service.matches_of(tx, site, attacker)
        noted = store.answers_spent(tx, [attacker], store.day_of(site.clock.now()))
    yield _figure("forged-learned", "people", len(people), _A_DAY)
    yield _figure("forged-audited", "people", noted[attacker], _A_DAY)
