"""A server is one for all whom we serve there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from openportability.accounts import store as accounts
from openportability.errors import Misconfigured, Throttled, Unavailable
from openportability.operator import service as operating
from openportability.reconnection import host_store, lane_store
from openportability.reconnection.host_store import Host
from tests.reconnection.stage import Stage


def host(stage: Stage) -> Host:
    with stage.db.read() as tx:
        return host_store.of_lanes(tx, [stage.me.id]).get(stage.me.id, Host())


def is_due(stage: Stage) -> bool:
    with stage.db.read() as tx:
        return stage.me.id in lane_store.due_lanes(tx, [stage.name], stage.clock.now(), 10)


def fails(stage: Stage) -> None:
    def away() -> None:
        raise Unavailable

    stage.watched.before["relationships"] = away
    stage.clock.forward(seconds=(_next(stage)).total_seconds() + 0.1)
    stage.serve()
    stage.watched.before.clear()


def _next(stage: Stage) -> timedelta:
    next_at = stage.lane().next_at
    return max(timedelta(), next_at - stage.clock.now()) if next_at else timedelta()


def test_a_server_that_fails_often_is_left_alone_and_asked_again(stage: Stage) -> None:
    stage.want(stage.member())
    for _ in range(3):
        assert host(stage).answers(stage.clock.now())
        fails(stage)
    assert not host(stage).answers(stage.clock.now())
    assert not is_due(stage)
    stage.clock.forward(seconds=60)
    assert is_due(stage)
    stage.serve()
    assert host(stage) == Host()
    assert stage.states() == ["followed"]


@pytest.mark.parametrize("whole", [True, False])
def test_an_operator_pauses_a_network_or_one_server_of_it(stage: Stage, whole: bool) -> None:
    instance = "" if whole else stage.me.actor.instance
    stage.want(stage.member())
    operating.pause(stage.site, stage.name, "elsewhere.example", 24)
    assert is_due(stage)
    operating.pause(stage.site, stage.name, f" {instance.upper()} ", 24)
    assert not is_due(stage)
    stage.serve()
    assert stage.states() == ["ready"]
    operating.pause(stage.site, stage.name, instance, 0)
    stage.serve()
    assert stage.states() == ["followed"]


def test_a_failure_ends_no_pause(stage: Stage) -> None:
    instance = stage.me.actor.instance
    stage.want(stage.member())
    operating.pause(stage.site, stage.name, instance, 24)
    with stage.db.write() as tx:
        host_store.failed(tx, stage.name, instance, 0, stage.clock.now())
    assert not host(stage).answers(stage.clock.now())


def test_a_network_that_is_not_there_cannot_be_paused(stage: Stage) -> None:
    with pytest.raises(Misconfigured):
        operating.pause(stage.site, "nowhere", "", 1)


def test_only_one_asks_whether_a_server_is_back(stage: Stage) -> None:
    stage.want(stage.member())
    for _ in range(3):
        fails(stage)
    stage.clock.forward(seconds=60)
    seen: list[bool] = []
    stage.watched.before["relationships"] = lambda: seen.append(
        host(stage).answers(stage.clock.now())
    )
    stage.serve()
    assert seen == [False]


def test_a_limit_of_our_address_holds_all_who_are_served_there(stage: Stage) -> None:
    stage.want(stage.member())
    until = stage.clock.now() + timedelta(minutes=4)

    def limited() -> None:
        raise Throttled(until, everyone=True)

    stage.watched.before["relationships"] = limited
    stage.serve()
    assert host(stage).until == until
    with stage.db.write() as tx:
        other = accounts.account(tx, stage.me.id)
        assert other is not None
        lane_store.reopen(tx, [other.id], stage.clock.now())
    assert not is_due(stage)
    stage.clock.forward(minutes=5)
    assert is_due(stage)
