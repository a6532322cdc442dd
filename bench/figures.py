"""One figure: what was measured, against what, and whether it is good enough."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measurement; smaller is better, unless `more_is_better`."""

    bench: str
    case: str
    database: str
    metric: str
    ours: float
    #: The same in processor time of this process, the least of several: it says more where others work as well.
    cpu: float | None = None
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
        cpu = f"cpu {self.cpu:g}" if self.cpu is not None else ""
        name = f"{self.bench}/{self.case} {self.database}"
        said = f"{name:36}{self.metric:16}{self.ours:10g}  {cpu:12}{goal:18}{verdict:8}{against}"
        return said.rstrip()


class Measured(NamedTuple):
    """What something took."""

    case: str
    metric: str
    ours: float
    cpu: float | None = None


def beside(
    bench: str,
    database: str,
    measured: Iterable[Measured],
    goals: Mapping[str, float],
    baseline: Mapping[str, float],
) -> Iterator[Figure]:
    """Put what was measured beside its goal and the other way."""
    for one in measured:
        yield Figure(
            bench=bench,
            database=database,
            goal=goals.get(one.case),
            baseline=baseline.get(one.case),
            **one._asdict(),
        )


def seconds(act: Callable[[], object]) -> float:
    """Return how long something takes: the median of five where it is quick."""
    return in_seconds("", act).ours


def once(case: str, act: Callable[[], object]) -> Measured:
    """Measure something that cannot be done twice."""
    return Measured(case, "seconds", *_taken([_once(act)], 1))


def in_seconds(case: str, act: Callable[[], object]) -> Measured:
    """Measure something: the median of five where it is quick; what is done once in a process is in the first alone."""
    taken = [_once(act)]
    while len(taken) < 5 and max(taken)[0] < 6:
        taken.append(_once(act))
    return Measured(case, "seconds", *_taken(taken, 1))


def in_ms(case: str, acts: Iterable[Callable[[], object]]) -> Measured:
    """Measure each of some things: the median."""
    return Measured(case, "ms", *_taken([_once(act) for act in acts], 1000))


def _once(act: Callable[[], object]) -> tuple[float, float]:
    """Return the time by the clock, and that of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - cpu


def _taken(every: Iterable[tuple[float, float]], times: float) -> tuple[float, float]:
    """Return the median by the clock, and the least of the processor: what others do only adds to that."""
    walls, cpus = zip(*every, strict=True)
    return round(statistics.median(walls) * times, 3), round(min(cpus) * times, 3)
