"""How long calls take is learned by those who make them, rests that a network wants included."""

from __future__ import annotations

from datetime import timedelta

import pytest

from openportability.db import gathered
from openportability.db.engine import Database
from openportability.domain import NetworkName
from openportability.networks.fake import world
from openportability.networks.fake.reply import Fault
from openportability.reconnection import call_time_store
from tests.reconnection.stage import Stage

HERD, SKY = NetworkName("herd"), NetworkName("sky")


@pytest.fixture(autouse=True)
def _told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathered, "_APART_SECONDS", 0.0)


def learn(db: Database, network: NetworkName, calls: int, seconds: float) -> None:
    with db.write() as tx:
        call_time_store.add(tx, call_time_store.one(network, calls, seconds))


def usual(db: Database) -> dict[NetworkName, float]:
    with db.read() as tx:
        return dict(call_time_store.usual_seconds(tx))


def test_a_few_calls_tell_nothing_yet(db: Database) -> None:
    learn(db, SKY, 500, 100)
    learn(db, HERD, 99, 99)
    assert usual(db) == {SKY: 0.2}
    learn(db, HERD, 1, 201)
    assert usual(db) == {SKY: 0.2, HERD: 3.0}


def test_what_was_long_ago_counts_less_and_less(db: Database) -> None:
    learn(db, HERD, 10_000, 10_000)
    for _ in range(10):
        learn(db, HERD, 10_000, 40_000)
    assert usual(db)[HERD] == pytest.approx(4, rel=0.01)


@pytest.mark.parametrize("asked_for", [timedelta(minutes=2), timedelta(hours=6)])
def test_a_rest_counts_and_of_an_outage_no_more_than_minutes(
    herd: Stage, monkeypatch: pytest.MonkeyPatch, asked_for: timedelta
) -> None:
    monkeypatch.setattr(world, "WAIT", asked_for)
    learn(herd.db, herd.name, 100, 100)
    herd.want(herd.member())
    herd.fails("relationships", Fault.THROTTLED)
    herd.serve()
    rest = min(asked_for, timedelta(minutes=5)).total_seconds()
    assert usual(herd.db) == {herd.name: pytest.approx(1 + rest / 100)}


def test_the_calls_of_a_slice_are_counted_with_the_time_that_it_took(herd: Stage) -> None:
    herd.watched.before["follow"] = lambda: herd.clock.forward(seconds=30)
    herd.want(*(herd.member() for _ in range(10)))
    learn(herd.db, herd.name, 90, 90 * 3)
    herd.serve()
    assert usual(herd.db) == {herd.name: pytest.approx(3)}
