"""What somebody who forges lists can learn: of who hides, by the time of a page; of others, by asking for everybody.

Pages of five people are timed in turn, in an order by chance: their lists hold only ids that are absent, that hide,
that want to be confirmed, that left, or (to see that the clock would show it) some who are shown. A Mann-Whitney test
says how probable times as different as these are where there is no difference: less than one in a thousand misses the
goal. Resampling says how small a difference it would have found four times in five: a quarter of a page is too much.

Then a hundred members bring forged lists of ten million ids in all, each with everybody who is here.
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
_FORGED, _ATTACKERS = 10_000_000, 100
#: More than all attackers together may be shown.
_OPEN, _A_DAY = 5_000, 20
_HIDING, _CONFIRMED, _LEAVING, _ABSENT, _ANYONE = (n * 100_000 + 1 for n in range(1, 6))
#: So many comparisons may find what is not there, and so many must find what is.
_WRONG, _SEEN = 0.001, 0.8
#: So much of a page's time is the smallest difference that must be found.
_PART = 0.25

Times = NDArray[np.float64]


def measure(scale: float) -> Iterator[Figure]:
    """Yield the figures."""
    with TemporaryDirectory(prefix="openportability-bench-") as name:
        given = {"OPENPORTABILITY_ANSWERS_A_DAY": str(_A_DAY)}
        with sites.opened(Path(name), given=given) as site:
            askers = _settled(site)
            taken = _timed(site, askers, int(_TIMES * min(scale, 1)))
            for case in ("hiding", "confirmed", "left"):
                p = _p(taken["absent"], taken[case])
                yield _figure(f"{case}-p", "probability", p, _WRONG, more_is_better=True)
            # The control is to be found.
            yield _figure("shown-p", "probability", _p(taken["absent"], taken["shown"]), _WRONG)
            page = float(np.median(taken["absent"])) * 1e6
            yield _figure("seen-from", "microseconds", _least(taken["absent"]) * 1e6, _PART * page)
            yield _figure("a-page", "microseconds", page)
            yield from _forged(site, int(_FORGED * scale))


def _figure(
    case: str,
    metric: str,
    ours: float,
    goal: float | None = None,
    *,
    more_is_better: bool = False,
) -> Figure:
    return Figure(
        bench="oracle",
        case=case,
        database="sqlite",
        metric=metric,
        ours=round(ours, 4),
        goal=goal,
        more_is_better=more_is_better,
    )


def _settled(site: Site) -> dict[str, UserId]:
    """Let everybody come, and who leaves leave; return who asks, by what their lists hold."""
    ids = {
        "absent": range(_ABSENT, _ABSENT + _PEOPLE),
        "hiding": range(_HIDING, _HIDING + _PEOPLE),
        "confirmed": range(_CONFIRMED, _CONFIRMED + _PEOPLE),
        "left": range(_LEAVING, _LEAVING + _PEOPLE),
        "shown": range(_ANYONE, _ANYONE + _SHOWN),
    }
    for number in range(_ANYONE, _ANYONE + _OPEN):
        world.join(site, number)
    for case, found in (("hiding", Found.NOBODY), ("confirmed", Found.CONFIRMED)):
        for number in ids[case]:
            protected = world.join(site, number).user
            with site.db.write() as tx:
                accounts.choose(tx, protected, found=found)
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
    """Yield what lists of so many invented ids in all learn, each with everybody who is here."""
    luck = np.random.default_rng(6)
    here = [
        np.arange(first, first + max(_PEOPLE, _OPEN), dtype=np.uint64)
        for first in (_HIDING, _CONFIRMED, _LEAVING, _ANYONE)
    ]
    known = np.concatenate(here)
    learned, shown, audited = set[int](), [0], [0]
    started = time.perf_counter()
    for number in range(_ATTACKERS):
        made_up = max(count // _ATTACKERS - known.size, 0)
        keys = np.unique(np.append(luck.integers(2**40, 2**62, made_up, np.uint64), known))
        attacker = _bringing(site, 1_000 + number, keys)
        with site.db.read() as tx:
            people = service.matches_of(tx, site, attacker)
            noted = store.answers_spent(tx, [attacker], store.day_of(site.clock.now()))
        shown.append(len(people))
        audited.append(noted[attacker])
        learned |= {int(account.actor.id) for match in people for account in match.accounts}
    yield _figure("forged-match-all", "seconds", time.perf_counter() - started)
    protected = sum(not _ANYONE <= one < _ANYONE + _OPEN for one in learned)
    yield _figure("forged-protected", "people", protected, 0)
    yield _figure("forged-by-one", "people", max(shown), _A_DAY)
    yield _figure("forged-by-all", "people", len(learned), _ATTACKERS * _A_DAY)
    yield _figure("forged-audited", "people", sum(audited), sum(shown))
