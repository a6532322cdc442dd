"""What a plan promises is what happens: real limits, time moved on, and calls that fail."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from openportability.accounts import store as accounts
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
    while _waiting(stage):
        if luck.random() < 0.05:
            stage.fails(luck.choice(["relationships", "follow"]), luck.choice(list(Fault)))
        stage.serve()
        _pass_to_what_is_next(stage)
    took = (stage.clock.now() - began) / (promised.finishes_at - began)
    assert 0.85 < took < 1.15
    assert stage.network.stage.ask("spending")[stage.me.actor.id]["refused"] == 0


def _waiting(stage: Stage) -> int:
    with stage.db.read() as tx:
        return store.counts(tx, stage.user)[Deed.FOLLOW].get((stage.me.id, State.READY), 0)


def _pass_to_what_is_next(stage: Stage) -> None:
    lane = stage.lane()
    if lane.next_at is not None and lane.next_at > stage.clock.now():
        stage.clock.forward(seconds=(lane.next_at - stage.clock.now()).total_seconds() + 0.001)
