"""A lane is served against a simulated network: whatever is there, one follow, and the ledger knows."""

from __future__ import annotations

from openportability.accounts import store as accounts
from openportability.domain import Found
from openportability.reconnection.rules import State
from tests.reconnection.stage import Stage, follow_writes

S = State


def test_a_wanted_follow_is_made_once(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.serve()
    assert stage.row(bob).state is S.FOLLOWED
    assert stage.follows() == [bob.actor.id]
    assert stage.lane().next_at is None


def test_a_follow_made_by_hand_before_is_not_ours(stage: Stage) -> None:
    bob = stage.member()
    stage.network.stage.ask("follow_by_hand", who=stage.me.actor.id, whom=bob.actor.id)
    stage.want(bob)
    stage.serve()
    stage.undo()
    stage.pass_days(1)
    assert stage.row(bob).state is S.ALREADY
    assert stage.follows() == [bob.actor.id]


def test_a_locked_account_is_requested_and_followed_once_it_says_yes(herd: Stage) -> None:
    bob = herd.member(locked=True)
    herd.want(bob)
    herd.serve()
    assert herd.row(bob).state is S.REQUESTED
    herd.network.stage.ask("approve", who=bob.actor.id, asked_by=herd.me.actor.id)
    herd.pass_days(1)
    assert herd.row(bob).state is S.FOLLOWED
    assert follow_writes(herd) == 1


def test_a_request_that_is_turned_down_is_refused_and_not_sent_again(herd: Stage) -> None:
    bob = herd.member(locked=True)
    herd.want(bob)
    herd.serve()
    herd.clock.forward(minutes=6)
    herd.serve()
    herd.network.stage.ask("unfollow_by_hand", who=herd.me.actor.id, whom=bob.actor.id)
    herd.pass_days(30)
    assert (herd.row(bob).state, herd.row(bob).reason) == (S.REFUSED, "net.rejected")
    assert follow_writes(herd) == 1


def test_who_moved_is_followed_at_the_new_place(herd: Stage) -> None:
    old, new = herd.member(), herd.network.person()
    herd.network.stage.ask("move", who=old.actor.id, to=new.id)
    herd.want(old)
    herd.pass_days(1)
    assert herd.row(old).state is S.FOLLOWED
    assert herd.follows() == [new.id]
    there = herd.row(old).successor
    assert there is not None
    assert there.id == new.id
    herd.undo()
    herd.pass_days(1)
    assert herd.row(old).state is S.UNDONE
    assert herd.follows() == []


def test_who_is_wanted_at_the_old_and_at_the_new_place_is_followed_once(herd: Stage) -> None:
    old, new = herd.member(), herd.member()
    herd.network.stage.ask("move", who=old.actor.id, to=new.actor.id)
    herd.want(old, new)
    herd.pass_days(1)
    assert sorted(herd.states()) == sorted([S.FOLLOWED, S.ALREADY])
    assert follow_writes(herd) == 1


def test_moves_in_a_circle_end(herd: Stage) -> None:
    one, other = herd.member(), herd.member()
    herd.network.stage.ask("move", who=one.actor.id, to=other.actor.id)
    herd.network.stage.ask("move", who=other.actor.id, to=one.actor.id)
    herd.want(one)
    herd.pass_days(30)
    assert herd.states() == [S.GONE]


def test_who_was_deleted_is_gone(stage: Stage) -> None:
    bob, carol = stage.member(), stage.member()
    stage.network.stage.ask("vanish", who=bob.actor.id)
    stage.want(bob, carol)
    stage.serve()
    assert [stage.row(one).state for one in (bob, carol)] == [S.GONE, S.FOLLOWED]


def test_who_hides_and_who_left_are_not_followed_and_look_the_same(stage: Stage) -> None:
    hidden, left, careful = stage.member(), stage.member(), stage.member()
    stage.want(hidden, left, careful)
    with stage.db.write() as tx:
        accounts.choose(tx, hidden.user, found=Found.NOBODY)
        accounts.choose(tx, careful.user, found=Found.CONFIRMED)
    stage.leaves(left)
    stage.serve()
    ends = {(row.state, row.reason) for row in stage.rows()}
    assert ends == {(S.CANCELLED, "target.unavailable")}
    assert stage.sent() == []


def test_mutuals_come_first(herd: Stage) -> None:
    later, first = herd.member(), herd.member()
    herd.want(later, rank=3)
    herd.want(first, rank=0)
    herd.serve()
    assert [whom for _, whom in herd.sent()] == [first.actor.id, later.actor.id]


def test_an_actor_whom_the_network_leaves_out_is_asked_about_again(stage: Stage) -> None:
    bob, carol = stage.member(), stage.member()
    stage.watched.left_out = {bob.actor.id}
    stage.want(bob, carol)
    stage.serve()
    assert [stage.row(one).state for one in (bob, carol)] == [S.READY, S.FOLLOWED]
    stage.watched.left_out = set()
    stage.pass_days(1)
    assert stage.row(bob).state is S.FOLLOWED
