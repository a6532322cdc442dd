"""A lane is served against a simulated network: whatever happens, one follow, and the ledger knows."""

from __future__ import annotations

import pytest

from openportability.accounts import grant_store
from openportability.accounts import store as accounts
from openportability.domain import Found, Purpose
from openportability.networks.fake.reply import Fault
from openportability.reconnection import lane_store
from openportability.reconnection.plan import Verdict
from openportability.reconnection.rules import SETTLES, LaneState, State
from tests.reconnection.stage import Killed, Stage

S = State


def follow_writes(stage: Stage) -> int:
    return sum(verb == "follow" for verb, _ in stage.sent())


# --- what is there, and what is made ----------------------------------------------------------


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


# --- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", list(Fault))
@pytest.mark.parametrize("verb", ["relationships", "follow"])
def test_a_call_that_fails_leaves_one_follow_in_the_end(
    stage: Stage, verb: str, how: Fault
) -> None:
    people = [stage.member() for _ in range(3)]
    stage.fails(verb, how, times=2)
    stage.want(*people)
    stage.serve()
    assert stage.lane().failures == 1
    stage.pass_days(2)
    assert stage.states() == [S.FOLLOWED] * 3
    assert sorted(stage.follows()) == sorted(one.actor.id for one in people)


def test_the_time_that_a_network_names_is_kept_whatever_the_person_presses(stage: Stage) -> None:
    bob, carol = stage.member(), stage.member()
    stage.fails("follow", Fault.THROTTLED)
    stage.want(bob)
    stage.serve()
    calls = list(stage.watched.calls)
    stage.pause()
    stage.resume()
    stage.want(carol)
    assert not stage.serve()
    assert stage.watched.calls == calls
    stage.clock.forward(minutes=5, seconds=1)
    stage.serve()
    assert stage.states() == [S.FOLLOWED] * 2


def test_who_is_signed_out_goes_on_after_signing_in(stage: Stage) -> None:
    bob = stage.member()
    stage.network.stage.ask("withdraw", who=stage.me.actor.id)
    stage.want(bob)
    stage.serve()
    assert stage.lane().state is LaneState.SIGNED_OUT
    stage.pass_days(1)
    assert stage.row(bob).state is S.READY
    stage.grant()
    stage.pass_days(1)
    assert stage.row(bob).state is S.FOLLOWED


def test_a_grant_that_only_reads_is_kept_and_the_person_asked_for_more(stage: Stage) -> None:
    bob = stage.member()
    stage.grant(Purpose.IDENTIFY)
    stage.want(bob)
    stage.serve()
    assert (stage.lane().state, stage.lane().reason) == (
        LaneState.SIGNED_OUT,
        "net.scope_missing",
    )
    assert stage.watched.calls == []
    with stage.db.read() as tx:
        key = accounts.personal_key(tx, stage.site.vault, stage.user)
        assert grant_store.live_grant(tx, key, stage.me.id) is not None


def test_signing_in_while_an_old_grant_fails_does_not_end_the_new_one(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)

    def sign_in_again() -> None:
        stage.network.stage.ask("withdraw", who=stage.me.actor.id)
        stage.grant()

    stage.watched.before["follow"] = sign_in_again
    stage.serve()
    assert stage.lane().state is LaneState.OPEN
    stage.pass_days(1)
    assert stage.row(bob).state is S.FOLLOWED


def test_a_flagged_account_halts_until_the_person_goes_on(stage: Stage) -> None:
    bob = stage.member()
    stage.network.stage.ask("flag", who=stage.me.actor.id)
    stage.want(bob)
    stage.serve()
    assert (stage.lane().state, stage.lane().reason) == (LaneState.HALTED, "net.flagged")
    stage.network.stage.ask("flag", who=stage.me.actor.id, flagged=False)
    stage.pass_days(3)
    assert stage.row(bob).state is S.READY
    stage.resume()
    stage.serve()
    assert stage.row(bob).state is S.FOLLOWED


def test_a_server_that_stays_away_is_given_up_after_a_week(stage: Stage) -> None:
    bob = stage.member()
    stage.watched.left_out = {bob.actor.id}
    stage.want(bob)
    stage.pass_days(6)
    assert stage.row(bob).state is S.READY
    stage.pass_days(3)
    assert stage.row(bob).state is S.REFUSED
    stage.watched.left_out = set()
    stage.retry()
    stage.serve()
    assert stage.row(bob).state is S.FOLLOWED


@pytest.mark.slow
def test_a_day_s_limit_is_never_passed_and_all_is_done_in_the_end(herd: Stage) -> None:
    people = [herd.member() for _ in range(700)]
    herd.want(*people)
    herd.pass_days(1, most=2000)
    assert herd.states() == [S.FOLLOWED] * 700
    spending = herd.network.stage.ask("spending")[herd.me.actor.id]
    assert spending["refused"] == 0
    assert max(spending["highest"].values()) <= 320


# --- killed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "sent"),
    [("relationships", False), ("relationships", True), ("follow", False), ("follow", True)],
)
def test_a_worker_killed_around_a_call_leaves_one_follow_of_ours(
    stage: Stage, verb: str, sent: bool
) -> None:
    people = [stage.member() for _ in range(3)]
    stage.want(*people)
    stage.kills(verb, sent=sent)
    with pytest.raises(Killed):
        stage.serve()
    assert not stage.serve(), "its lease holds"
    stage.pass_days(1)
    assert stage.states() == [S.FOLLOWED] * 3
    assert sorted(stage.follows()) == sorted(one.actor.id for one in people)
    stage.undo()
    stage.pass_days(1)
    assert stage.follows() == []


def test_a_worker_killed_while_undoing_leaves_nothing_of_ours(stage: Stage) -> None:
    bob, carol = stage.member(), stage.member()
    stage.want(bob, carol)
    stage.serve()
    stage.undo()
    stage.kills("unfollow", sent=True)
    with pytest.raises(Killed):
        stage.serve()
    stage.pass_days(1)
    assert stage.states() == [S.UNDONE] * 2
    assert stage.follows() == []


def test_follows_of_a_killed_worker_count_for_pacing(stage: Stage) -> None:
    stage.want(stage.member())
    stage.kills("follow", sent=True)
    with pytest.raises(Killed):
        stage.serve()
    assert sum(one.count for one in stage.lane().spent) == 1


def test_a_slice_that_outlived_its_lease_asks_nothing_more_and_spoils_nothing(
    herd: Stage,
) -> None:
    people = [herd.member() for _ in range(3)]
    herd.want(*people)

    def another_serves() -> None:
        herd.clock.forward(minutes=3)
        herd.serve()

    herd.watched.before["follow"] = another_serves
    herd.serve()
    herd.pass_days(1)
    assert herd.states() == [S.FOLLOWED] * 3
    assert sorted(herd.follows()) == sorted(one.actor.id for one in people)


def test_a_slice_whose_lease_was_taken_over_does_not_give_the_lane_back(stage: Stage) -> None:
    stage.want(stage.member())

    def taken_over() -> None:
        with stage.db.write() as tx:
            lane_store.claim(tx, stage.me.id, "another", stage.clock.now())

    stage.watched.after["follow"] = taken_over
    stage.serve()
    assert stage.lane().lease == "another"
    assert stage.states() == [S.FOLLOWED], "facts are written whoever has the lease"


# --- the person's hand ------------------------------------------------------------------------


def test_pause_holds_the_next_call(herd: Stage) -> None:
    herd.want(*(herd.member() for _ in range(4)))
    herd.watched.after["follow"] = herd.pause
    herd.serve()
    assert follow_writes(herd) == 1
    herd.resume()
    herd.serve()
    assert follow_writes(herd) == 4


def test_stop_lets_only_the_call_under_way_happen(herd: Stage) -> None:
    herd.want(*(herd.member() for _ in range(4)))
    herd.watched.before["follow"] = herd.stop
    herd.serve()
    herd.pass_days(1)
    assert sorted(herd.states()) == sorted([S.FOLLOWED, *[S.CANCELLED] * 3])
    assert follow_writes(herd) == 1


def test_undo_during_the_call_ends_undone(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.watched.before["follow"] = stage.undo
    stage.serve()
    stage.pass_days(1)
    assert stage.row(bob).state is S.UNDONE
    assert stage.follows() == []


@pytest.mark.parametrize("how", [Fault.DOWN, Fault.SILENCE])
def test_stop_during_a_call_with_an_unknown_outcome_sends_nothing_more(
    stage: Stage, how: Fault
) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.fails("follow", how)
    stage.watched.before["follow"] = stage.stop
    stage.serve()
    stage.pass_days(1)
    made = how is Fault.SILENCE
    assert stage.row(bob).state is (S.FOLLOWED if made else S.CANCELLED)
    assert follow_writes(stage) == made


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


def test_what_was_stopped_is_not_sent_when_looking_fails_first(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.fails("follow", Fault.DOWN)
    stage.serve()
    stage.stop()
    stage.watched.left_out = {bob.actor.id}
    stage.clock.forward(minutes=3)
    stage.serve()
    assert stage.row(bob).state is S.READY
    stage.watched.left_out = set()
    stage.pass_days(1)
    assert stage.row(bob).state is S.CANCELLED
    assert stage.sent() == []


def test_what_was_asked_for_before_is_not_sent_once_it_is_stopped_in_mid_slice(herd: Stage) -> None:
    later, first = herd.member(), herd.member()
    herd.fails("follow", Fault.DOWN, times=2)
    herd.want(later, rank=3)
    herd.serve()
    herd.want(first, rank=0)
    herd.clock.forward(seconds=3)
    herd.serve()
    assert all(row.asked_at for row in herd.rows()), "nobody knows what became of either"
    herd.clock.forward(minutes=5)
    herd.watched.after["follow"] = herd.stop
    herd.serve()
    herd.pass_days(1)
    assert [herd.row(one).state for one in (first, later)] == [S.FOLLOWED, S.CANCELLED]
    assert herd.follows() == [first.actor.id]


def test_an_effect_that_comes_late_is_seen_before_a_row_is_closed(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.fails("follow", Fault.DOWN)
    stage.serve()
    stage.undo()
    stage.clock.forward(seconds=5)
    stage.serve()
    assert stage.row(bob).state is S.READY
    # The call that timed out arrives at last, under the record we chose.
    (token,) = [_grant_token(stage)]
    stage.network.stage.ask(
        "follow", token=token, wanted=[{"id": bob.actor.id, "record": stage.row(bob).record}]
    )
    stage.clock.forward(seconds=SETTLES.total_seconds())
    stage.pass_days(1)
    assert stage.row(bob).state is S.UNDONE
    assert stage.follows() == []


def test_what_was_stopped_can_be_wanted_again_at_once(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.fails("follow", Fault.DOWN)
    stage.serve()
    stage.stop()
    stage.want(bob, verdict=Verdict.WAITING)
    stage.pass_days(1)
    assert stage.row(bob).state is S.FOLLOWED


def test_undo_works_when_the_other_has_left(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.serve()
    stage.leaves(bob)
    stage.undo()
    stage.serve()
    assert stage.row(bob).state is S.UNDONE
    assert stage.follows() == []


def test_a_request_to_somebody_who_left_is_still_followed_up_and_can_be_withdrawn(
    herd: Stage,
) -> None:
    bob, carol = herd.member(locked=True), herd.member(locked=True)
    herd.want(bob, carol)
    herd.serve()
    herd.leaves(bob)
    herd.leaves(carol)
    herd.network.stage.ask("approve", who=bob.actor.id, asked_by=herd.me.actor.id)
    herd.clock.forward(minutes=6)
    herd.serve()
    assert [herd.row(one).state for one in (bob, carol)] == [S.FOLLOWED, S.REQUESTED]
    herd.undo()
    herd.pass_days(1)
    assert herd.states() == [S.UNDONE] * 2
    assert herd.follows() == []


def test_an_unknown_outcome_is_found_out_though_the_other_left(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.fails("follow", Fault.SILENCE)
    stage.serve()
    stage.leaves(bob)
    stage.pass_days(1)
    assert stage.row(bob).state is S.FOLLOWED


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
    for _ in range(30):
        herd.clock.forward(seconds=0.1)
        herd.serve()
    assert herd.states().count(S.FOLLOWED) == 320
    herd.fails("unfollow", Fault.DOWN)
    herd.undo([herd.row(people[0]).id])
    herd.serve()
    herd.clock.forward(seconds=5)
    herd.serve()
    assert herd.row(people[0]).state is S.UNDONE


def test_unlinking_ends_everything_but_the_call_under_way(herd: Stage) -> None:
    herd.want(*(herd.member() for _ in range(4)))
    herd.watched.before["follow"] = lambda: herd.leaves(herd.me)
    assert not herd.serve()
    assert follow_writes(herd) == 1
    assert herd.rows() == []


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


def _grant_token(stage: Stage) -> str:
    with stage.db.read() as tx:
        key = accounts.personal_key(tx, stage.site.vault, stage.user)
        grant = grant_store.live_grant(tx, key, stage.me.id)
    assert grant is not None
    return grant.secret["token"]
