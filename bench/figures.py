"""One figure: what was measured, against what, and whether it is good enough."""

from __future__ import annotations

import json
import resource
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measurement; smaller is better, unless `more_is_better`."""

    bench: str
    case: str
    database: str
    metric: str
    ours: float
    #: The way that others do it, measured in the same run; None where there is none to compare with.
    baseline: float | None = None
    goal: float | None = None
    #: How many times better than the baseline it is to be.
    ratio_goal: float | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        return round(self.baseline / self.ours, 1) if self.baseline and self.ours else None

    @property
    def met(self) -> bool | None:
        said: list[bool] = []
        if self.goal is not None:
            said.append(self.ours >= self.goal if self.more_is_better else self.ours <= self.goal)
        if self.ratio_goal is not None:
            said.append((self.ratio or 0) >= self.ratio_goal)
        return all(said) if said else None

    def as_json(self) -> str:
        return json.dumps({**asdict(self), "ratio": self.ratio, "met": self.met})

    def as_text(self) -> str:
        verdict = {True: "ok", False: "MISSED", None: ""}[self.met]
        against = f"baseline {self.baseline:g} ({self.ratio} ×)" if self.baseline else ""
        goal = f"goal {self.goal:g}" if self.goal is not None else ""
        if self.ratio_goal is not None:
            goal = f"{goal} goal {self.ratio_goal:g} ×".strip()
        name = f"{self.bench}/{self.case} {self.database}"
        return f"{name:32}{self.metric:16}{self.ours:10g}  {goal:18}{verdict:8}{against}".rstrip()


def seconds(act: Callable[[], object]) -> float:
    """Return how long something takes: the median of five where it is quick."""
    taken = [_once(act)]
    while len(taken) < 5 and max(taken) < 2:
        taken.append(_once(act))
    return round(statistics.median(taken), 3)


def milliseconds(acts: Iterable[Callable[[], object]]) -> float:
    """Return how long each of some things takes: the median."""
    return round(statistics.median(_once(act) for act in acts) * 1000, 3)


def peak_mb() -> float:
    """Return the most memory that this process had so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _once(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
