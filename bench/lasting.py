"""An hour of work, as fast as the machine can: does a worker hold more at its end than at its beginning?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import reconnect
from bench.figures import Figure
from openportability.clock import MovedClock
from openportability.domain import Account, Limits, NetworkName, Window
from openportability.reconnection import lane_store
from openportability.reconnection.slice import Lanes
from openportability.site import Site

#: So many follows a minute are made for each lane: all are busy to the end of the hour.
_A_MINUTE = 5
_MINUTES = 60
#: What a process fills once (caches, statements, pools) is there after so many minutes.
_WARM = 10


def measure(scale: float) -> Iterator[Figure]:
    """Yield what the process holds, each ten minutes of the hour, and by how much it grew."""
    clock = MovedClock()
    with reconnect.opened(None, clock=clock) as (plain, name):
        site = _paced(plain, name)
        lanes = _town(site, name, int(100 * scale))
        served, held = 0, dict[int, float]()
        for minute in range(_MINUTES + 1):
            if minute % 10 == 0:
                held[minute] = _held_mb()
                yield _figure(f"minute-{minute}", "held_mb", held[minute])
            served += _serve_all(site, name)
            clock.forward(minutes=1)
        yield _figure("hour", "slices", served)
        grown = round(held[_MINUTES] - held[_WARM], 1)
        yield _figure("hour", "grown_mb", grown, goal=5)
        assert lanes, "somebody was served"


def _paced(site: Site, name: NetworkName) -> Site:
    """Return the site with a network that lets everybody follow a few people a minute."""
    far = reconnect.Far(0)
    far.limits = Limits(batch=_A_MINUTE, look=50, windows=(Window(_A_MINUTE, 60),))
    return replace(site, networks={name: replace(site.networks[name], destination=far)})


def _town(site: Site, name: NetworkName, lanes: int) -> list[Account]:
    """Let some people want more than an hour of follows each, of the same others."""
    with site.db.write() as tx:
        others = [
            reconnect.member(tx, site, actor)
            for actor in reconnect.actors(name, _A_MINUTE * _MINUTES)
        ]
    made = []
    for actor in reconnect.actors(name, lanes, start=1_000_000):
        with site.db.write() as tx:
            one = reconnect.member(tx, site, actor, reconnect.grant(actor))
            reconnect.want(tx, site, one, others)
        made.append(one)
    return made


def _serve_all(site: Site, name: NetworkName) -> int:
    """Serve what is due now; return how many slices that were."""
    lanes, slices = Lanes(site), 0
    while True:
        with site.db.read() as tx:
            due = lane_store.due_lanes(tx, [name], site.clock.now(), 1_000)
        if not due:
            return slices
        for account in due:
            lanes.serve(account)
            slices += 1


def _held_mb() -> float:
    """Return what the process holds in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1_048_576, 1)


def _figure(case: str, metric: str, ours: float, goal: float | None = None) -> Figure:
    return Figure(
        bench="lasting", case=case, database="sqlite", metric=metric, ours=ours, goal=goal
    )
