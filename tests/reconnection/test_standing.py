"""A standing wish holds for whom it brought until the person changes it, and what they said by hand stays theirs."""

from __future__ import annotations

from openportability.domain import Deed, Standing
from openportability.networks.fake.reply import Fault
from openportability.reconnection.plan import Verdict
from openportability.reconnection.rules import Origin, State
from openportability.reconnection.standing import WISH_ENDED
from tests.reconnection.stage import Stage, follow_writes

S = State


def wish_brings(stage: Stage, wish: Standing = Standing.AUTOMATIC, count: int = 3) -> None:
    """Let people arrive whom the standing wish wants followed, or asks about."""
    stage.chooses(wish)
    state = S.READY if wish is Standing.AUTOMATIC else S.PROPOSED
    members = [stage.member() for _ in range(count)]
    stage.want(*members, origin=Origin.STANDING, state=state)


def test_a_wish_taken_back_ends_what_it_brought_and_leaves_what_was_chosen(stage: Stage) -> None:
    bob = stage.member()
    wish_brings(stage)
    stage.want(bob)
    stage.chooses(Standing.OFF)
    stage.pass_days(1)
    assert stage.row(bob).state is S.FOLLOWED
    assert sorted(stage.states()) == sorted([*[S.CANCELLED] * 3, S.FOLLOWED])
    assert follow_writes(stage) == 1


def test_who_wants_to_be_asked_first_is_asked_about_whom_the_wish_brought(stage: Stage) -> None:
    wish_brings(stage)
    stage.chooses(Standing.ASK)
    stage.pass_days(1)
    assert stage.states() == [S.PROPOSED] * 3
    assert follow_writes(stage) == 0
    assert stage.proposed() == 3


def test_nobody_is_asked_about_whom_a_wish_brought_that_was_taken_back(stage: Stage) -> None:
    """What the person chose, and what they said no to, is not of the wish."""
    refused, chosen = stage.member(), stage.member()
    stage.chooses(Standing.ASK)
    stage.want(refused, origin=Origin.STANDING, state=S.PROPOSED)
    stage.refuses()
    stage.want(chosen, state=S.PROPOSED)
    wish_brings(stage, Standing.ASK)
    stage.chooses(Standing.OFF)
    assert stage.proposed() == 1
    assert (stage.row(refused).state, stage.row(refused).reason) == (S.CANCELLED, None)
    brought = [row for row in stage.rows() if row.reason == WISH_ENDED]
    assert [row.state for row in brought] == [S.CANCELLED] * 3
    assert follow_writes(stage) == 0


def test_a_wish_taken_back_during_a_call_sends_nothing_more(herd: Stage) -> None:
    wish_brings(herd)
    herd.watched.after["follow"] = lambda: herd.chooses(Standing.OFF)
    herd.serve()
    herd.pass_days(1)
    assert sorted(herd.states()) == sorted([S.FOLLOWED, *[S.CANCELLED] * 2])
    assert follow_writes(herd) == 1


def test_a_wish_taken_back_after_a_call_with_an_unknown_outcome_sends_nothing_more(
    stage: Stage,
) -> None:
    wish_brings(stage, count=1)
    stage.fails("follow", Fault.DOWN)
    stage.serve()
    stage.chooses(Standing.ASK)
    stage.pass_days(1)
    assert stage.states() == [S.CANCELLED]
    assert follow_writes(stage) == 0


def test_what_was_accepted_is_the_person_s_own(stage: Stage) -> None:
    wish_brings(stage, Standing.ASK)
    stage.accepts()
    assert {row.origin for row in stage.rows()} == {Origin.MANUAL}
    stage.chooses(Standing.OFF)
    stage.pass_days(1)
    assert stage.states() == [S.FOLLOWED] * 3


def test_what_is_planned_by_hand_is_the_person_s_own(stage: Stage) -> None:
    """Whether the plan found it waiting already, or turned down before."""
    bob, carol = stage.member(), stage.member()
    stage.chooses(Standing.AUTOMATIC)
    stage.want(bob, origin=Origin.STANDING)
    stage.want(carol, origin=Origin.STANDING, state=S.PROPOSED)
    stage.want(bob, verdict=Verdict.WAITING)
    stage.want(carol)
    stage.chooses(Standing.OFF)
    stage.pass_days(1)
    assert stage.states() == [S.FOLLOWED] * 2


def test_who_is_set_aside_is_not_followed(stage: Stage) -> None:
    bob, carol, dave, erin = (stage.member() for _ in range(4))
    stage.want(bob)
    stage.want(carol, dave, origin=Origin.STANDING)
    stage.want(erin, origin=Origin.STANDING, state=S.PROPOSED)
    stage.puts_aside(bob, carol, erin)
    assert stage.row(erin).state is S.CANCELLED
    stage.pass_days(1)
    assert stage.follows() == [dave.actor.id]
    assert stage.row(bob).state is stage.row(carol).state is S.CANCELLED


def test_who_is_set_aside_is_blocked_as_before(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob, deed=Deed.BLOCK)
    stage.puts_aside(bob)
    assert stage.states() == [S.READY]


def test_who_left_or_hides_is_nobody_to_be_asked_about(stage: Stage) -> None:
    bob, carol, dave = (stage.member() for _ in range(3))
    stage.chooses(Standing.ASK)
    stage.want(bob, carol, dave, origin=Origin.STANDING, state=S.PROPOSED)
    stage.hides(bob)
    stage.leaves(carol)
    assert stage.proposed() == 1
    stage.accepts()
    assert sorted(stage.states()) == sorted([S.PROPOSED, S.PROPOSED, S.READY])
    assert stage.proposed() == 0


def test_the_answer_may_be_no(stage: Stage) -> None:
    wish_brings(stage, Standing.ASK)
    assert stage.refuses() == 3
    stage.pass_days(1)
    assert stage.states() == [S.CANCELLED] * 3
    assert stage.proposed() == 0
    assert follow_writes(stage) == 0
