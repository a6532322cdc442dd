"""Pause, stop, unlink: what the person says holds from the next call on."""

from __future__ import annotations

from dataclasses import replace
from threading import Thread

import pytest

from openportability.accounts import grant_store
from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.domain import Found, Proof
from openportability.errors import Conflict
from openportability.graph import store as lists
from openportability.matching import jobs as matching
from openportability.networks.fake.reply import Fault
from openportability.privacy import store as privacy
from openportability.reconnection import ceasing, lane_store, service
from openportability.reconnection.plan import Verdict
from openportability.reconnection.rules import SETTLES, UNAVAILABLE, LaneState, State
from openportability.reconnection.slice import serve_lane
from tests import cast
from tests.reconnection.stage import Stage, follow_writes

S = State
HOUR = 3_600


def test_pause_holds_the_next_call(herd: Stage) -> None:
    herd.want(*(herd.member() for _ in range(4)))
    herd.watched.after["follow"] = herd.pause
    herd.serve()
    assert follow_writes(herd) == 1
    herd.resume()
    herd.serve()
    assert follow_writes(herd) == 4


def test_a_pause_holds_whoever_signs_in_meanwhile(stage: Stage) -> None:
    bob = stage.member()
    stage.network.stage.ask("withdraw", who=stage.me.actor.id)
    stage.want(bob)
    stage.serve()
    assert stage.lane().state is LaneState.SIGNED_OUT
    stage.pause()
    stage.grant()
    stage.pass_days(1)
    assert follow_writes(stage) == 0
    assert stage.lane().state is LaneState.PAUSED
    stage.resume()
    stage.pass_days(1)
    assert stage.row(bob).state is S.FOLLOWED


def test_who_is_still_signed_out_after_a_pause_is_asked_to_sign_in(stage: Stage) -> None:
    stage.network.stage.ask("withdraw", who=stage.me.actor.id)
    stage.want(stage.member())
    stage.serve()
    stage.pause()
    stage.resume()
    stage.serve()
    assert (stage.lane().state, stage.lane().reason) == (LaneState.SIGNED_OUT, "net.signed_out")


def test_an_account_that_is_linked_during_a_pause_is_paused(stage: Stage) -> None:
    stage.want(stage.member())
    stage.pause()
    later = stage.network.person()
    with stage.db.write() as tx:
        key = accounts_service.key_of(stage.site, later.network, later.id)
        linked = accounts.add_account(tx, stage.user, later, key, Proof.PROVED)
        lane_store.open_lanes(tx, stage.user, [linked])
        lanes = lane_store.hold_all(tx, stage.user)
    assert [lane.state for lane in lanes] == [LaneState.PAUSED] * 2


def test_stop_lets_only_the_call_under_way_happen(herd: Stage) -> None:
    herd.want(*(herd.member() for _ in range(4)))
    herd.watched.before["follow"] = herd.stop
    herd.serve()
    herd.pass_days(1)
    assert sorted(herd.states()) == sorted([S.FOLLOWED, *[S.CANCELLED] * 3])
    assert follow_writes(herd) == 1


@pytest.mark.parametrize("how", [Found.NOBODY, Found.CONFIRMED, "leaves"])
def test_who_withdraws_while_others_are_followed_is_not_followed(herd: Stage, how: str) -> None:
    members = [herd.member() for _ in range(3)]
    herd.want(*members)

    def withdraw() -> None:
        with herd.site.db.write() as tx:
            for one in members[1:]:
                if how == "leaves":
                    privacy.erase_rows(tx, one.user)
                else:
                    consent.choose(
                        tx, herd.site, one.user, Choice.FOUND, how, locale="en", how="page"
                    )

    herd.watched.after["follow"] = withdraw
    herd.serve()
    herd.pass_days(1)
    assert sorted(herd.states()) == sorted([S.FOLLOWED, *[S.CANCELLED] * 2])
    assert follow_writes(herd) == 1


def test_who_lets_some_find_them_meanwhile_is_followed_by_whom_they_list(stage: Stage) -> None:
    stranger, friend = stage.member(), stage.member()
    cast.join(stage.site, cast.OLD, 1, user=stage.user)
    cast.join(stage.site, cast.OLD, 7, user=friend.user)
    cast.bring(stage.site, friend.user, cast.OLD, followers=[1], woken=False)
    jobs, _ = matching.work(stage.site)
    next(job for job in jobs if job.name == lists.ARRIVED.job).run("all")
    stage.want(stranger, friend)

    def are_careful() -> None:
        with stage.db.write() as tx:
            for one in (stranger, friend):
                accounts.choose(tx, one.user, found=Found.CONFIRMED)

    stage.watched.after["relationships"] = are_careful
    stage.pass_days(1)
    assert stage.follows() == [friend.actor.id]
    assert (stage.row(stranger).state, stage.row(stranger).reason) == (S.CANCELLED, UNAVAILABLE)


def test_who_was_unfollowed_by_hand_can_be_chosen_again(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.serve()
    stage.network.stage.ask("unfollow_by_hand", who=stage.me.actor.id, whom=bob.actor.id)
    stage.want(bob)
    stage.serve()
    assert stage.row(bob).state is S.FOLLOWED
    assert stage.follows() == [bob.actor.id]


def test_what_we_made_stays_ours_when_it_is_chosen_once_more(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.serve()
    stage.want(bob)
    stage.serve()
    assert stage.row(bob).state is S.FOLLOWED
    assert follow_writes(stage) == 1
    stage.undo()
    stage.serve()
    assert stage.follows() == []


def test_who_was_gone_can_be_tried_again_by_hand(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    resident = stage.world.realm(stage.terms).residents.get(bob.actor.id)
    assert resident is not None
    resident.gone = True
    stage.serve()
    assert stage.row(bob).state is S.GONE
    resident.gone = False
    stage.retry()
    stage.serve()
    assert stage.row(bob).state is S.FOLLOWED


def test_who_hides_is_not_shown_by_a_row_that_was_never_sent(stage: Stage) -> None:
    bob, carol = stage.member(), stage.member()
    stage.want(bob)
    stage.serve()
    stage.want(carol)
    stage.hides(bob)
    stage.hides(carol)
    with stage.db.read() as tx:
        lines = service.page(tx, stage.site, stage.user, group=None, before=None, limit=10)
    shown = {line.row.whom: line.whom for line in lines}
    assert shown[bob.id] is not None, "whom they follow they know by themselves"
    assert shown[carol.id] is None


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
    herd.want(later)
    herd.serve()
    herd.want(first)
    herd.clock.forward(seconds=3)
    herd.watched.left_out = {later.actor.id}
    herd.serve()
    herd.watched.left_out = set()
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


def test_unlinking_ends_everything_but_the_call_under_way(herd: Stage) -> None:
    herd.want(*(herd.member() for _ in range(4)))
    herd.watched.before["follow"] = lambda: herd.leaves(herd.me)
    assert not herd.serve()
    assert follow_writes(herd) == 1
    assert herd.rows() == []


def test_who_unlinks_and_links_again_while_a_call_is_under_way_follows_nobody_twice(
    stage: Stage,
) -> None:
    bob, carol = stage.member(), stage.member()
    cast.join(stage.site, cast.OLD, 1, user=stage.user)
    stage.want(bob, carol)
    site = replace(stage.site, cease=lambda account: ceasing.cease(stage.site, account))
    before = stage.me

    def unlinks_and_links_again() -> None:
        accounts_service.part_with(site, stage.user, before.id)
        with stage.db.write() as tx:
            key = accounts_service.key_of(site, before.actor.network, before.actor.id)
            stage.me = accounts.add_account(tx, stage.user, before.actor, key, Proof.PROVED)
        stage.grant()
        stage.want(bob, carol)
        while stage.serve():
            pass

    hand = Thread(target=unlinks_and_links_again)

    def begins() -> None:
        hand.start()
        hand.join(0.5)

    stage.watched.before["follow"] = begins
    serve_lane(stage.site, before.id)
    hand.join(20)
    assert not hand.is_alive()
    assert sorted(stage.follows()) == sorted(one.actor.id for one in (bob, carol))
    assert follow_writes(stage) == 2


def test_who_keeps_the_last_account_is_not_paused_for_that(stage: Stage) -> None:
    stage.want(stage.member())
    site = replace(stage.site, cease=lambda account: ceasing.cease(stage.site, account))
    with pytest.raises(Conflict):
        accounts_service.part_with(site, stage.user, stage.me.id)
    stage.serve()
    assert stage.states() == [S.FOLLOWED]


def _grant_token(stage: Stage) -> str:
    with stage.db.read() as tx:
        key = accounts.personal_key(tx, stage.site.vault, stage.user)
        grant = grant_store.live_grant(tx, key, stage.me.id)
    assert grant is not None
    return grant.secret["token"]
