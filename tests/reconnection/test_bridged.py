"""Copies that a bridge keeps are followed if both sides chose so, once, until people come themselves."""

from __future__ import annotations

from dataclasses import replace

from openportability.accounts import service as accounts_service
from openportability.accounts import store as accounts
from openportability.accounts import twin_store, twins
from openportability.domain import Account, ActorId, Proof, Standing
from openportability.graph import store as lists
from openportability.matching import jobs as matching
from openportability.matching.service import Selection
from openportability.network import Room
from openportability.reconnection import planning, standing
from openportability.reconnection.plan import Verdict
from openportability.reconnection.planning import Planned
from openportability.reconnection.rules import UNAVAILABLE, State
from tests import cast
from tests.reconnection.stage import Stage

S = State


def lives_elsewhere(stage: Stage, *, wishes: bool = True) -> tuple[Account, ActorId]:
    """Return somebody whom the user followed, who is where nobody is followed, and the copy that a bridge keeps."""
    cast.join(stage.site, cast.OLD, 1, user=stage.user)
    other = cast.join(stage.site, cast.OLD, 7)
    cast.bring(stage.site, stage.user, cast.OLD, following=[7], woken=False)
    copy = stage.network.stage.ask("bridge", of=other.actor.id, nick="copy")["id"]
    with stage.db.write() as tx:
        accounts.choose(tx, other.user, bridged="on" if wishes else "off")
    jobs, _ = matching.work(stage.site)
    next(job for job in jobs if job.name == lists.ARRIVED.job).run("all")
    twins.look_up(stage.site, other)
    return other, ActorId(copy)


def comes_themselves(stage: Stage, other: Account) -> Account:
    """Let somebody prove an account of their own where the user is."""
    actor = stage.network.person()
    with stage.db.write() as tx:
        key = accounts_service.key_of(stage.site, actor.network, actor.id)
        native = accounts.add_account(tx, other.user, actor, key, Proof.PROVED)
        twins.arrive(tx, stage.site, native)
    return native


def planned(stage: Stage) -> Planned:
    return planning.make_plan(stage.site, stage.user, Selection(), None)


def verdicts(stage: Stage) -> list[Verdict]:
    return [row.verdict for row in planned(stage).rows]


def starts(stage: Stage, *, ticked: bool) -> int:
    plan = planned(stage)
    with stage.db.write() as tx:
        networks = [stage.name] if ticked else []
        return planning.start(tx, stage.site, stage.user, plan.id, bridged=networks)


def test_a_copy_is_followed_once_if_both_chose_so_and_can_be_taken_back(stage: Stage) -> None:
    other, copy = lives_elsewhere(stage)
    assert verdicts(stage) == [Verdict.BRIDGED]
    assert starts(stage, ticked=False) == 0
    assert starts(stage, ticked=True) == 1
    assert verdicts(stage) == [Verdict.WAITING]
    stage.pass_days(1)
    assert stage.follows() == [copy]
    row = stage.row(other)
    assert (row.state, row.actor and row.actor.id) == (S.FOLLOWED, copy)
    assert (verdicts(stage), starts(stage, ticked=True)) == ([Verdict.DONE], 0)
    stage.undo()
    stage.pass_days(1)
    assert (stage.follows(), stage.states()) == ([], [S.UNDONE])
    assert [verb for verb, _ in stage.sent()] == ["follow", "unfollow"]


def test_nobody_is_led_to_a_copy_of_who_did_not_wish_it(herd: Stage) -> None:
    lives_elsewhere(herd, wishes=False)
    assert verdicts(herd) == []


def test_a_plan_says_when_all_is_done_with_copies_and_whether_there_is_room(herd: Stage) -> None:
    lives_elsewhere(herd)
    full = {
        name: replace(one, room=lambda _: Room(in_all=0, in_a_file=0))
        for name, one in herd.site.networks.items()
    }
    plan = planning.make_plan(replace(herd.site, networks=full), herd.user, Selection(), None)
    assert (plan.forecast, [one.network for one in plan.with_copies]) == ((), [herd.name])
    assert plan.with_copies[0].calls == 1
    assert plan.ceilings == {herd.name: 0}
    assert starts(herd, ticked=True) == 1
    with herd.db.read() as tx:
        assert planning.plan(tx, herd.site, herd.user, planned(herd).id).with_copies == ()


def test_who_takes_the_wish_back_is_not_followed_even_in_the_last_moment(sky: Stage) -> None:
    other, _ = lives_elsewhere(sky)
    starts(sky, ticked=True)

    def takes_back() -> None:
        with sky.db.write() as tx:
            twins.obey(tx, sky.site, other.user, wished=False)

    sky.watched.after["relationships"] = takes_back
    sky.pass_days(1)
    assert sky.follows() == []
    assert (sky.row(other).state, sky.row(other).reason) == (S.CANCELLED, UNAVAILABLE)
    assert verdicts(sky) == []


def test_who_comes_themselves_is_followed_there_and_the_copy_not_any_more(sky: Stage) -> None:
    other, _ = lives_elsewhere(sky)
    starts(sky, ticked=True)
    native = comes_themselves(sky, other)
    assert [(row.whom, row.verdict) for row in planned(sky).rows] == [(native.id, Verdict.NEW)]
    sky.pass_days(1)
    assert (sky.row(other).state, sky.follows()) == (S.CANCELLED, [])
    twins.look_up(sky.site, other)
    assert starts(sky, ticked=True) == 1
    sky.pass_days(1)
    assert sky.follows() == [native.actor.id]


def test_a_copy_that_is_followed_stays_until_it_is_taken_back(herd: Stage) -> None:
    other, copy = lives_elsewhere(herd)
    starts(herd, ticked=True)
    herd.pass_days(1)
    native = comes_themselves(herd, other)
    starts(herd, ticked=True)
    herd.pass_days(1)
    assert set(herd.follows()) == {copy, native.actor.id}
    herd.undo([herd.row(other).id])
    herd.pass_days(1)
    assert herd.follows() == [native.actor.id]


def test_what_was_followed_is_undone_where_it_was_though_the_bridge_keeps_another(
    sky: Stage,
) -> None:
    other, _ = lives_elsewhere(sky)
    starts(sky, ticked=True)
    sky.pass_days(1)
    sky.network.stage.ask("bridge", of=other.actor.id, nick="another")
    twins.look_up(sky.site, other)
    sky.undo()
    sky.pass_days(1)
    assert (sky.follows(), sky.states()) == ([], [S.UNDONE])


def test_no_copy_is_followed_by_itself(herd: Stage) -> None:
    with herd.db.write() as tx:
        accounts.choose(tx, herd.user, standing=Standing.AUTOMATIC)
    other, _ = lives_elsewhere(herd)
    assert standing.propose(herd.site, herd.user) == 0
    native = comes_themselves(herd, other)
    with herd.db.write() as tx:
        accounts.meet_again(tx, other.user)
    jobs, _ = matching.work(herd.site)
    next(job for job in jobs if job.name == "people-arrived").run("all")
    assert standing.propose(herd.site, herd.user) == 1
    herd.pass_days(1)
    assert herd.follows() == [native.actor.id]


def test_a_copy_is_nobodys_account_and_a_sign_in_as_it_ends_it(herd: Stage) -> None:
    other, copy = lives_elsewhere(herd)
    with herd.db.read() as tx:
        (kept,) = twin_store.of_users(tx, [other.user])
        assert accounts.account_of_actor(tx, herd.name, copy, or_claimed_by=other.user) is None
        assert [one.id for one in accounts.accounts_of(tx, other.user)] == [other.id]
    (match,) = cast.seen_by(herd.site, herd.user).values()
    assert [account.id for account in match.accounts] == [other.id]
    somebody = herd.member_as(kept.actor)
    with herd.db.write() as tx:
        twins.arrive(tx, herd.site, somebody)
    twins.look_up(herd.site, other)
    assert verdicts(herd) == []
