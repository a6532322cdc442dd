"""Undo: what we made is taken back, whatever happened since, and the person keeps their share."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from openportability.accounts import store as accounts
from openportability.domain import Pace, Window
from openportability.network import Budget
from openportability.networks.fake.reply import Fault
from openportability.reconnection import lane_store
from openportability.reconnection.rules import State
from tests.reconnection.stage import Stage

S = State
HOUR = 3_600


def test_undo_during_the_call_ends_undone(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.watched.before["follow"] = stage.undo
    stage.serve()
    stage.pass_days(1)
    assert stage.row(bob).state is S.UNDONE
    assert stage.follows() == []


@pytest.mark.parametrize("how", [Fault.DOWN, Fault.SILENCE])
def test_undo_after_a_call_with_an_unknown_outcome_leaves_nothing(stage: Stage, how: Fault) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.fails("follow", how)
    stage.serve()
    stage.undo()
    stage.stop()
    stage.pass_days(1)
    assert stage.row(bob).state in (S.UNDONE, S.CANCELLED)
    assert stage.follows() == []


def test_undo_works_when_the_other_has_left(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.serve()
    stage.leaves(bob)
    stage.undo()
    stage.serve()
    assert stage.row(bob).state is S.UNDONE
    assert stage.follows() == []


def test_undo_leaves_a_follow_that_was_made_again_by_hand(sky: Stage) -> None:
    bob = sky.member()
    sky.want(bob)
    sky.serve()
    for verb in ("unfollow_by_hand", "follow_by_hand"):
        sky.network.stage.ask(verb, who=sky.me.actor.id, whom=bob.actor.id)
    sky.undo()
    sky.serve()
    assert (sky.row(bob).state, sky.row(bob).reason) == (S.UNDONE, "undo.kept")
    assert sky.follows() == [bob.actor.id]


def test_undo_of_everything_goes_on_where_the_person_had_paused(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.serve()
    stage.pause()
    stage.undo()
    stage.serve()
    assert stage.row(bob).state is S.UNDONE


@pytest.mark.slow
def test_undo_does_not_wait_for_the_follows_of_tomorrow(herd: Stage) -> None:
    people = [herd.member() for _ in range(330)]
    herd.want(*people)
    for _ in range(100):
        herd.clock.forward(seconds=0.1)
        herd.serve()
    assert herd.states().count(S.FOLLOWED) == 320
    herd.fails("unfollow", Fault.DOWN)
    herd.undo([herd.row(people[0]).id])
    herd.serve()
    herd.clock.forward(seconds=5)
    herd.serve()
    assert herd.row(people[0]).state is S.UNDONE


def test_undo_leaves_the_person_a_fifth_and_ends_soon(stage: Stage) -> None:
    stage.want(*(stage.member() for _ in range(30)))
    stage.pass_days(1)
    with stage.db.write() as tx:
        accounts.choose(tx, stage.user, pace=Pace.GENTLE)
    hour = (Window(20, HOUR, follow=3, undo=1),)
    stage.watched.limits = replace(stage.watched.limits, gap_seconds=0, windows=hour)
    stage.clock.forward(hours=2)
    stage.undo()
    taken_back = []
    for _ in range(2):
        while stage.serve():
            pass
        taken_back.append(stage.states().count(S.UNDONE))
        stage.clock.forward(seconds=1.1 * HOUR)
    assert taken_back == [16, 30], "a fifth of the hour is the person's"
    assert stage.follows() == []


def test_undo_heeds_what_the_network_says_is_left(sky: Stage) -> None:
    sky.want(*(sky.member() for _ in range(20)))
    sky.pass_days(1)
    sky.clock.forward(hours=2)
    left = Budget(remaining=336, reset_at=sky.clock.now() + timedelta(hours=1))
    with sky.db.write() as tx:
        lane = replace(sky.lane(), remaining=left.remaining, reset_at=left.reset_at)
        lane_store.put_back(tx, [lane])
    sky.watched.limits = replace(sky.watched.limits, batch=4)
    sky.undo()
    sky.serve()
    taken_back = [count for verb, count in sky.watched.calls if verb == "unfollow"]
    assert taken_back == [4, 4], "8 points above a fifth"


def test_what_was_undone_can_be_chosen_again(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.serve()
    stage.undo()
    stage.serve()
    stage.want(bob)
    stage.serve()
    assert stage.row(bob).state is S.FOLLOWED
    assert stage.follows() == [bob.actor.id]
