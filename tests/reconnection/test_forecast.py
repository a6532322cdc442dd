"""What a plan promises is what happens: real limits, time moved on, and calls that fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from openportability.accounts import store as accounts
from openportability.db import gathered
from openportability.db.engine import Database
from openportability.domain import Deed, Pace
from openportability.networks.fake.reply import Fault
from openportability.networks.fake.residents import Role
from openportability.reconnection import forecasting, store
from openportability.reconnection.rules import State
from tests.reconnection.stage import Stage

#: So many follows take some windows of each network.
FOLLOWS = {Role.INSTANCES: 210, Role.REPOSITORY: 1_000}
#: Longer than a slice waits for: it ends, and the next comes when time was moved.
GAP_SECONDS = 4.0


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", FOLLOWS)
def test_a_forecast_is_within_15_percent_of_what_happens(db: Database, role: Role) -> None:
    stage, luck = Stage(db, role, speed="1"), Random(1)
    # A slice of one call looks at no more than it asks for.
    looks = stage.watched.limits.batch
    stage.watched.limits = replace(stage.watched.limits, gap_seconds=GAP_SECONDS, look=looks)
    with db.write() as tx:
        accounts.choose(tx, stage.user, pace=Pace.NORMAL)
    stage.want(*(stage.member() for _ in range(FOLLOWS[role])))
    began = stage.clock.now()
    with db.read() as tx:
        waiting = {stage.name: FOLLOWS[role]}
        (promised,) = forecasting.forecast(tx, stage.site, stage.user, waiting)

    def may_fail() -> None:
        if luck.random() < 0.05:
            stage.fails(luck.choice(["relationships", "follow"]), luck.choice(list(Fault)))

    _live_through(stage, may_fail)
    took = (stage.clock.now() - began) / (promised.finishes_at - began)
    assert 0.85 < took < 1.15
    assert stage.network.stage.ask("spending")[stage.me.actor.id]["refused"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", range(3))
def test_who_comes_later_is_promised_what_calls_took(
    db: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(gathered, "_APART_SECONDS", 0.0)
    stage, luck = Stage(db, Role.INSTANCES, speed="1"), Random(seed)
    stage.watched.limits = replace(stage.watched.limits, gap_seconds=GAP_SECONDS, look=1)
    with db.write() as tx:
        accounts.choose(tx, stage.user, pace=Pace.GENTLE)
    took = []
    for _ in range(2):
        stage.want(*(stage.member() for _ in range(140)))
        began = stage.clock.now()
        with db.read() as tx:
            (promised,) = forecasting.forecast(tx, stage.site, stage.user, {stage.name: 140})

        def may_rest() -> None:
            if luck.random() < 0.1:
                stage.fails("follow", Fault.THROTTLED)

        _live_through(stage, may_rest)
        took.append((stage.clock.now() - began) / (promised.finishes_at - began))
        stage.clock.forward(hours=2)
    assert took[0] > 1.15
    assert 0.85 < took[1] < 1.15


def _live_through(stage: Stage, meanwhile: Callable[[], None]) -> None:
    while _waiting(stage):
        meanwhile()
        stage.serve()
        _pass_to_what_is_next(stage)


def _waiting(stage: Stage) -> int:
    with stage.db.read() as tx:
        return store.counts(tx, stage.user)[Deed.FOLLOW].get((stage.me.id, State.READY), 0)


def _pass_to_what_is_next(stage: Stage) -> None:
    lane = stage.lane()
    if lane.next_at is not None and lane.next_at > stage.clock.now():
        stage.clock.forward(seconds=(lane.next_at - stage.clock.now()).total_seconds() + 0.001)
