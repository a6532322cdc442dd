"""Two rows lead to one actor, who moved: there is one follow, and one row made it."""

from __future__ import annotations

import pytest

from openportability.domain import Account
from openportability.networks.fake.reply import Fault
from openportability.reconnection.rules import State
from tests.reconnection.stage import Stage

S = State


def asked_for_both(herd: Stage, *, undone: bool = False) -> tuple[Account, Account]:
    """Ask for somebody at the new place on behalf of two rows; nobody knows what became of either."""
    old, new = herd.member(), herd.member()
    herd.network.stage.ask("move", who=old.actor.id, to=new.actor.id)
    herd.want(old)
    herd.serve()
    herd.fails("follow", Fault.DOWN)
    herd.serve()
    assert herd.row(old).asked_at is not None
    if undone:
        herd.undo([herd.row(old).id])
    else:
        herd.stop()
    herd.want(new)
    herd.clock.forward(seconds=3)
    herd.fails("follow", Fault.SILENCE)
    herd.serve()
    assert herd.follows() == [new.actor.id]
    assert herd.states() == [S.READY] * 2
    return old, new


@pytest.mark.parametrize("together", [True, False])
def test_a_follow_that_two_rows_asked_for_is_of_one_of_them(herd: Stage, together: bool) -> None:
    old, new = asked_for_both(herd)
    if together:
        herd.clock.forward(minutes=3)
    herd.pass_days(1)
    assert [herd.row(one).state for one in (old, new)] == [S.ALREADY, S.FOLLOWED]
    herd.undo()
    herd.pass_days(1)
    assert herd.follows() == []


@pytest.mark.parametrize("together", [True, False])
def test_undoing_one_takes_nothing_back_that_the_other_made(herd: Stage, together: bool) -> None:
    old, new = asked_for_both(herd, undone=True)
    if together:
        herd.clock.forward(minutes=3)
    herd.pass_days(1)
    assert herd.follows() == [new.actor.id]
    assert herd.row(new).state is S.FOLLOWED
    assert herd.row(old).state is S.ALREADY
    herd.undo([herd.row(old).id])
    herd.pass_days(1)
    assert herd.follows() == [new.actor.id]
    herd.undo()
    herd.pass_days(1)
    assert herd.follows() == []


def test_who_moved_and_was_asked_for_once_is_followed_and_taken_back(herd: Stage) -> None:
    old, new = herd.member(), herd.network.person()
    herd.network.stage.ask("move", who=old.actor.id, to=new.id)
    herd.want(old)
    herd.serve()
    herd.fails("follow", Fault.SILENCE)
    herd.pass_days(1)
    assert (herd.states(), herd.follows()) == ([S.FOLLOWED], [new.id])
    herd.undo()
    herd.pass_days(1)
    assert (herd.states(), herd.follows()) == ([S.UNDONE], [])
