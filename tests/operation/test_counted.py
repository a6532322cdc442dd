"""Operators see how jobs end, whichever process does them, on both engines."""

from __future__ import annotations

import logging
import re
from threading import Event, Thread

import pytest

from openportability.db import gathered
from openportability.errors import OpenPortabilityError
from openportability.jobs.port import Chore, Job, Wake, Work
from openportability.operator.counted import Counted
from openportability.site import Site
from tests.house import House
from tests.journeys.steps import until
from tests.operation.faults import full_disk

ENDED = re.compile(r'^openportability_jobs_total{job="(.+)",outcome="(.+)"} (\d+)$', re.MULTILINE)


def told(house: House) -> dict[tuple[str, str], int]:
    numbers = house.new_browser().get("/metrics").text
    return {(job, how): int(count) for job, how, count in ENDED.findall(numbers)}


def known(key: str) -> None:
    raise OpenPortabilityError("net.forbidden")


def unforeseen(key: str) -> None:
    raise ValueError(f"somebody-{key}@example.org")


def another_process(site: Site) -> Work:
    """Return work that another process would count for itself."""
    its = Counted(site)
    jobs = [Job(name="good", run=lambda key: None), Job(name="known", run=known)]
    jobs.append(Job(name="unforeseen", run=unforeseen))
    return Work(jobs=[its.job(job) for job in jobs], chores=[])


def test_jobs_of_any_process_are_told_by_outcome(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(gathered, "_APART_SECONDS", 0.0)
    engine = house.site.engine
    engine.register(another_process(house.site))
    for wake in ("good", "good", "known", "unforeseen"):
        engine.wake(Wake(job=wake, key=str(len(wake))))
    stop = Event()
    working = Thread(target=engine.run, args=(stop,))
    working.start()
    wanted = {
        ("good", "done"): 1,  # the second one was the same wake
        ("known", "net.forbidden"): 1,
        ("unforeseen", "svc.internal"): 1,
    }
    try:
        until(lambda: told(house), lambda there: wanted.items() <= there.items())
    finally:
        stop.set()
        working.join(60)
    again = Counted(house.site).job(Job(name="known", run=known))
    with pytest.raises(OpenPortabilityError):
        again.run("9")
    assert told(house)["known", "net.forbidden"] == 2
    assert "somebody" not in house.new_browser().get("/metrics").text


def test_what_went_well_is_told_with_the_next_failure(house: House) -> None:
    its = Counted(house.site)
    its.job(Job(name="good", run=lambda key: None)).run("1")
    assert ("good", "done") not in told(house)

    def looks() -> list[Wake]:
        raise ValueError("nothing to see")

    chore = its.chore(Chore(name="look out", seconds=60, look=looks))
    with pytest.raises(ValueError, match="nothing to see"):
        list(chore.look())
    there = told(house)
    assert (there["good", "done"], there["look out", "svc.internal"]) == (1, 1)


def test_what_cannot_be_written_is_counted_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Counted(house.site).job(Job(name="known", run=known))
    with full_disk(house.site.db), pytest.raises(OpenPortabilityError, match="forbidden"):
        job.run("1")
    with pytest.raises(OpenPortabilityError):
        job.run("1")
    assert told(house)["known", "net.forbidden"] == 2
