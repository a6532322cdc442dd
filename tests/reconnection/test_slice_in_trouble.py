"""A lane is served by failing networks and killed workers: still one follow, and the ledger knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from openportability.accounts import grant_store, keeping
from openportability.accounts import store as accounts
from openportability.clock import monotonic
from openportability.domain import Grant, Pace, Purpose, Wanted
from openportability.network import Answers
from openportability.networks.fake.reply import Fault
from openportability.reconnection import lane_store, service
from openportability.reconnection.recording import Next, Step
from openportability.reconnection.rules import LaneState, State
from openportability.reconnection.slice import Lanes
from tests.reconnection.stage import Killed, Stage

S = State


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


def test_an_answer_ends_failures_in_a_row_and_what_was_not_made_is_not_spent(herd: Stage) -> None:
    def fails() -> None:
        herd.fails("follow", Fault.THROTTLED_BLIND)

    fails()
    herd.want(*(herd.member() for _ in range(3)))
    herd.serve()
    assert (herd.lane().failures, herd.lane().spent) == (1, ())
    herd.clock.forward(minutes=5, seconds=1)
    herd.watched.after["follow"] = fails
    herd.serve()
    assert herd.lane().failures == 1
    assert [one.count for one in herd.lane().spent] == [1]


def at_pace(stage: Stage, pace: Pace) -> None:
    with stage.db.write() as tx:
        accounts.choose(tx, stage.user, pace=pace)


def test_one_fault_costs_nobody_their_share_of_an_hour(sky: Stage) -> None:
    at_pace(sky, Pace.GENTLE)
    sky.want(*(sky.member() for _ in range(51)))
    sky.fails("follow", Fault.DOWN)
    sky.serve()
    sky.clock.forward(seconds=3)
    sky.serve()
    assert Counter(sky.states()) == {S.FOLLOWED: 50, S.READY: 1}
    assert sum(one.count for one in sky.lane().spent) == 50
    next_at = sky.lane().next_at
    assert next_at is not None
    assert next_at > sky.clock.now() + timedelta(minutes=50)


def test_what_was_asked_for_and_may_not_be_asked_for_again_yet_waits_for_that(sky: Stage) -> None:
    sky.want(*(sky.member() for _ in range(60)), rank=1)
    sky.fails("follow", Fault.DOWN)
    sky.serve()
    at_pace(sky, Pace.GENTLE)
    # More than are read at a time, and they come first: no reason to overlook the others.
    sky.watched.limits = replace(sky.watched.limits, look=60)
    sky.want(*(sky.member() for _ in range(61)))
    sky.clock.forward(seconds=3)
    assert not sky.serve()
    assert Counter(sky.states()) == {S.FOLLOWED: 50, S.READY: 71}
    next_at = sky.lane().next_at
    assert next_at == min(row.due_at for row in sky.rows() if row.asked_at and row.state is S.READY)
    assert next_at > sky.clock.now() + timedelta(minutes=50)


def shown(stage: Stage) -> tuple[LaneState, str | None]:
    """Return how the lane goes, as its person is told."""
    with stage.db.read() as tx:
        (line,) = service.progress(tx, stage.site, stage.user)
    return line.state, line.reason


def test_who_is_signed_out_goes_on_after_signing_in(stage: Stage) -> None:
    bob = stage.member()
    stage.network.stage.ask("withdraw", who=stage.me.actor.id)
    stage.want(bob)
    stage.serve()
    assert stage.lane().state is LaneState.SIGNED_OUT
    stage.pass_days(1)
    assert stage.row(bob).state is S.READY
    assert shown(stage) == (LaneState.SIGNED_OUT, "net.signed_out")
    stage.grant()
    # Before a worker has opened the lane: the person did what was asked of them.
    assert shown(stage) == (LaneState.OPEN, None)
    stage.pass_days(1)
    assert stage.row(bob).state is S.FOLLOWED


def test_a_grant_that_ended_with_nothing_to_follow_asks_for_a_sign_in_too(herd: Stage) -> None:
    herd.want(herd.member())
    herd.serve()
    with herd.db.write() as tx:
        accounts.choose(tx, herd.user, standing="ask")
    herd.network.stage.ask("withdraw", who=herd.me.actor.id)
    herd.clock.forward(days=8)
    keeping.see_to(herd.site, herd.me.id)
    herd.site.engine.turn()
    assert (herd.lane().state, herd.lane().reason) == (LaneState.SIGNED_OUT, "net.signed_out")
    herd.grant()
    herd.look()
    assert herd.lane().state is LaneState.OPEN


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


@pytest.mark.parametrize("verb", ["relationships", "follow", "unfollow"])
def test_one_row_that_we_fail_at_holds_none_of_the_others(
    sky: Stage, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    evil, *others = people = [sky.member() for _ in range(7)]
    inner = getattr(sky.watched.inner, verb)

    def trips(grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        if evil.actor.id in [one.actor.id for one in wanted]:
            raise ZeroDivisionError("a mistake of ours")
        answers: Answers = inner(grant, wanted)
        return answers

    sky.want(*people)
    with monkeypatch.context() as broken:
        broken.setattr(sky.watched.inner, verb, trips)
        sky.pass_days(0.02)
        if verb == "unfollow":
            sky.undo()
            sky.pass_days(0.02)
        done = {S.UNDONE} if verb == "unfollow" else {S.FOLLOWED}
        assert {sky.row(one).state for one in others} == done
        assert (sky.row(evil).state in done, sky.row(evil).reason) == (False, "svc.internal")
    sky.pass_days(1)
    assert set(sky.states()) == done


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
    people = [herd.member() for _ in range(450)]
    herd.want(*people)
    herd.pass_days(1, most=2000)
    assert herd.states() == [S.FOLLOWED] * 450
    spending = herd.network.stage.ask("spending")[herd.me.actor.id]
    assert spending["refused"] == 0
    assert max(spending["highest"].values()) <= 320


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


def test_an_answer_to_an_older_call_says_nothing_of_a_newer_one(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)

    def another_asks_and_dies() -> None:
        stage.clock.forward(minutes=3)
        stage.kills("follow", sent=True)
        with pytest.raises(Killed):
            stage.serve()
        stage.fails("follow", Fault.THROTTLED)

    stage.watched.before["follow"] = another_asks_and_dies
    stage.serve()
    assert stage.row(bob).asked_at is not None, "nobody knows what became of the newer one"
    stage.pass_days(1)
    assert stage.states() == [S.FOLLOWED]
    stage.undo()
    stage.pass_days(1)
    assert stage.follows() == []


def test_a_slice_whose_lease_was_taken_over_does_not_give_the_lane_back(stage: Stage) -> None:
    stage.want(stage.member())

    def taken_over() -> None:
        with stage.db.write() as tx:
            lane_store.claim(tx, [stage.me.id], "another", stage.clock.now())

    stage.watched.after["follow"] = taken_over
    stage.serve()
    assert stage.lane().lease == "another"
    assert stage.states() == [S.FOLLOWED], "facts are written whoever has the lease"


class Frozen(Lanes):
    """A worker that stands still between the note that it is about to call, and the call."""

    def __init__(self, stage: Stage, meanwhile: Callable[[], None]) -> None:
        super().__init__(stage.site)
        self._meanwhile = meanwhile

    def _step(self, step: Step) -> Next:
        what = super()._step(step)
        if what.going:
            self._meanwhile()
        return what


@pytest.mark.parametrize("hand", ["stop", "undo"])
def test_who_wakes_after_the_lease_follows_nobody(stage: Stage, hand: str) -> None:
    bob = stage.member()
    stage.want(bob)

    def meanwhile() -> None:
        stage.clock.forward(minutes=3)
        {"stop": stage.stop, "undo": stage.undo}[hand]()
        stage.pass_days(1)
        assert stage.row(bob).state is S.CANCELLED

    Frozen(stage, meanwhile).serve(stage.me.id)
    assert (stage.follows(), stage.sent()) == ([], [])


def test_who_wakes_after_the_lease_takes_nothing_back(stage: Stage) -> None:
    bob = stage.member()
    stage.want(bob)
    stage.serve()
    stage.undo()

    def meanwhile() -> None:
        stage.clock.forward(minutes=3)
        stage.pass_days(1)
        stage.want(bob)
        stage.pass_days(1)

    Frozen(stage, meanwhile).serve(stage.me.id)
    assert stage.row(bob).state is S.FOLLOWED
    assert stage.follows() == [bob.actor.id]


def test_who_was_frozen_by_what_only_goes_forward_gives_the_lane_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [stage.member() for _ in range(3)]
    stage.want(*people)
    late = monotonic() + 100

    with monkeypatch.context() as frozen:
        frozen.setattr("openportability.reconnection.slice.monotonic", lambda: late)
        assert Lanes(stage.site).serve(stage.me.id), "it is due again right away"
        assert stage.sent() == []
    stage.pass_days(0.01)
    assert stage.states() == [S.FOLLOWED] * 3
    assert sorted(stage.follows()) == sorted(one.actor.id for one in people)
    assert sum(one.count for one in stage.lane().spent) == 3
