"""Blocks and mutes that a person brought are carried over if they choose so: first, once, and theirs to take back."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from openportability.accounts import store as accounts
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.domain import Account, Deed, Found, Kind, Pace, Purpose
from openportability.graph import store as lists
from openportability.graph.store import ListOf
from openportability.matching import jobs as matching
from openportability.matching import service as matches
from openportability.matching.service import LeftOut, Selection
from openportability.networks.fake.reply import Fault
from openportability.reconnection import avoiding, planning
from openportability.reconnection.avoiding import LISTS, Offer
from openportability.reconnection.planning import Planned
from openportability.reconnection.rules import UNAVAILABLE, State
from tests.reconnection.stage import Stage

S = State


def brings(stage: Stage, kind: Kind, *whom: Account) -> None:
    """Bring a list of people, and let them be met."""
    with stage.db.write() as tx:
        of = ListOf(user=stage.user, network=stage.name, kind=kind, account=stage.me.id)
        keys = np.array(sorted(one.key for one in whom), np.uint64)
        key = accounts.personal_key(tx, stage.site.vault, stage.user)
        lists.put_list(tx, key, of, keys, taken_at=None, imported_at=stage.clock.now())
    jobs, _ = matching.work(stage.site)
    next(job for job in jobs if job.name == lists.ARRIVED.job).run(str(stage.user))


def planned(stage: Stage) -> Planned:
    return planning.make_plan(stage.site, stage.user, Selection(), None)


def offers(stage: Stage) -> list[Offer]:
    plan = planned(stage)
    with stage.db.read() as tx:
        return avoiding.offers(tx, stage.site, stage.user, plan)


def offered(stage: Stage) -> dict[Deed, int]:
    return {offer.deed: offer.count for offer in offers(stage)}


def carries_over(stage: Stage, deed: Deed = Deed.BLOCK) -> int:
    with stage.db.write() as tx:
        return avoiding.carry_over(tx, stage.site, stage.user, deed, [stage.name], 1)


def avoids(stage: Stage, deed: Deed, *whom: Account) -> None:
    """Bring these people as blocked or muted; whom one mutes, one followed."""
    if deed is Deed.MUTE:
        brings(stage, Kind.FOLLOWING, *whom)
    brings(stage, LISTS[deed], *whom)


both = pytest.mark.parametrize("deed", list(LISTS))


@both
def test_each_is_made_once_and_before_any_follow(stage: Stage, deed: Deed) -> None:
    troll, carol = stage.member(), stage.member()
    stage.grant(Purpose(deed))
    stage.want(carol)
    avoids(stage, deed, troll)
    assert offered(stage) == {deed: 1}
    assert (carries_over(stage, deed), carries_over(stage, deed)) == (1, 0)
    stage.fails(deed, Fault.SILENCE)
    stage.pass_days(2)
    assert stage.avoided(deed) == [troll.actor.id]
    assert stage.follows() == [carol.actor.id]
    assert stage.sent()[0] == (deed, troll.actor.id)
    assert stage.states() == [S.FOLLOWED] * 2
    assert offered(stage) == {}


@both
def test_undo_ends_what_is_ours_and_leaves_what_was_made_by_hand(stage: Stage, deed: Deed) -> None:
    ours, theirs = stage.member(), stage.member()
    stage.grant(Purpose(deed))
    me = stage.me.actor.id
    stage.network.stage.ask("avoid_by_hand", who=me, deed=deed, whom=theirs.actor.id)
    avoids(stage, deed, ours, theirs)
    carries_over(stage, deed)
    stage.pass_days(1)
    assert stage.row(theirs).state is S.ALREADY
    stage.undo()
    stage.pass_days(1)
    assert stage.row(ours).state is S.UNDONE
    assert stage.avoided(deed) == [theirs.actor.id]


def test_blocks_go_before_mutes_and_each_is_asked_for_by_itself(stage: Stage) -> None:
    troll, noisy = stage.member(), stage.member()
    avoids(stage, Deed.MUTE, noisy)
    brings(stage, Kind.BLOCKED, troll)
    assert offered(stage) == {Deed.BLOCK: 1, Deed.MUTE: 1}
    for granted, asked in (
        (Purpose.FOLLOW, {Purpose.BLOCK, Purpose.MUTE}),
        (Purpose.MUTE, {Purpose.AVOID, None}),
        (Purpose.AVOID, {None}),
    ):
        stage.grant(granted)
        assert {offer.to_ask for offer in offers(stage)} == asked
    carries_over(stage, Deed.MUTE)
    carries_over(stage, Deed.BLOCK)
    stage.pass_days(1)
    assert stage.sent() == [("block", troll.actor.id), ("mute", noisy.actor.id)]


def test_who_was_muted_and_never_followed_stays_unknown(sky: Stage) -> None:
    brings(sky, Kind.MUTED, sky.member())
    assert offered(sky) == {}


def test_a_forecast_heeds_blocks_that_go_first_and_what_waits_already(stage: Stage) -> None:
    stage.grant(Purpose.BLOCK)
    with stage.db.write() as tx:
        accounts.choose(tx, stage.user, pace=Pace.GENTLE)
    hour = stage.clock.now() + timedelta(hours=1)
    carol, *waiting = [stage.member() for _ in range(41)]
    stage.want(*waiting)
    brings(stage, Kind.FOLLOWING, carol)
    (alone,) = planned(stage).forecast
    # Fifty an hour: these are the forty-second to the fifty-first.
    brings(stage, Kind.BLOCKED, *(stage.member() for _ in range(10)))
    (offer,) = offers(stage)
    assert offer.forecast is not None
    assert alone.finishes_at < hour <= offer.forecast.finishes_at
    carries_over(stage)
    (after,) = planned(stage).forecast
    assert after.finishes_at >= hour


def test_a_follow_is_taken_back_before_anybody_is_blocked(stage: Stage) -> None:
    troll, carol = stage.member(), stage.member()
    stage.grant(Purpose.BLOCK)
    stage.want(carol)
    stage.pass_days(1)
    brings(stage, Kind.BLOCKED, troll)
    carries_over(stage)
    stage.undo([stage.row(carol).id])
    stage.serve()
    assert (stage.follows(), stage.avoided(Deed.BLOCK)) == ([], [])
    stage.pass_days(1)
    assert stage.avoided(Deed.BLOCK) == [troll.actor.id]


@both
def test_without_the_right_follows_go_on(stage: Stage, deed: Deed) -> None:
    troll, carol = stage.member(), stage.member()
    avoids(stage, deed, troll)
    carries_over(stage, deed)
    stage.want(carol)
    stage.pass_days(1)
    assert (stage.row(troll).state, stage.row(troll).reason) == (S.REFUSED, f"net.no_{deed}s")
    assert stage.row(carol).state is S.FOLLOWED
    stage.grant(Purpose(deed))
    stage.retry()
    stage.pass_days(1)
    assert stage.avoided(deed) == [troll.actor.id]


@both
def test_a_right_that_was_lost_is_asked_for_again_and_what_was_made_stays_ours(
    stage: Stage, deed: Deed
) -> None:
    troll = stage.member()
    stage.grant(Purpose(deed))
    avoids(stage, deed, troll)
    carries_over(stage, deed)
    stage.fails(deed, Fault.SILENCE)
    stage.serve()
    stage.grant(Purpose.FOLLOW)
    stage.pass_days(1)
    assert (stage.row(troll).state, stage.row(troll).reason) == (S.REFUSED, f"net.no_{deed}s")
    assert [(offer.count, offer.to_ask) for offer in offers(stage)] == [(1, Purpose(deed))]
    stage.grant(Purpose(deed))
    assert carries_over(stage, deed) == 1
    stage.pass_days(1)
    assert (stage.row(troll).state, offered(stage)) == (S.FOLLOWED, {})
    stage.undo()
    stage.pass_days(1)
    assert stage.avoided(deed) == []


@both
def test_who_hides_is_not_offered_nor_served(sky: Stage, deed: Deed) -> None:
    hidden, troll = sky.member(found=Found.NOBODY), sky.member()
    sky.grant(Purpose(deed))
    avoids(sky, deed, hidden, troll)
    assert offered(sky) == {deed: 1}
    carries_over(sky, deed)
    sky.hides(troll)
    sky.serve()
    assert (sky.row(troll).state, sky.row(troll).reason) == (S.CANCELLED, UNAVAILABLE)
    assert sky.avoided(deed) == []


def test_who_was_chosen_to_be_blocked_is_though_the_list_is_gone(stage: Stage) -> None:
    troll = stage.member()
    stage.grant(Purpose.BLOCK)
    brings(stage, Kind.BLOCKED, troll)
    carries_over(stage)
    brings(stage, Kind.BLOCKED)
    assert offered(stage) == {}
    stage.pass_days(1)
    assert stage.avoided(Deed.BLOCK) == [troll.actor.id]


def test_whom_the_person_blocked_meanwhile_is_not_followed(stage: Stage) -> None:
    troll, noisy = stage.member(), stage.member()
    stage.want(troll, noisy)
    brings(stage, Kind.BLOCKED, troll)
    brings(stage, Kind.MUTED, noisy)
    stage.pass_days(1)
    assert stage.states() == [S.CANCELLED] * 2
    assert stage.follows() == []


def test_a_file_of_follows_holds_no_blocks(herd: Stage) -> None:
    troll = herd.member()
    herd.grant(Purpose.BLOCK)
    brings(herd, Kind.BLOCKED, troll)
    carries_over(herd)
    assert herd.takes_a_file() == 0
    assert [row.deed for row in herd.rows()] == [Deed.BLOCK]


def test_a_plan_tells_how_many_it_leaves_out_and_never_who_hides(stage: Stage) -> None:
    bob, dave, troll, noisy, hidden = (stage.member() for _ in range(5))
    brings(stage, Kind.FOLLOWING, bob, dave, noisy, hidden)
    brings(stage, Kind.BLOCKED, troll)
    brings(stage, Kind.MUTED, noisy)
    with stage.db.write() as tx:
        matches.set_dismissed(tx, stage.site, stage.user, [dave.user], dismissed=True)
    assert planned(stage).left_out == LeftOut(aside=1, avoided=2)
    with stage.db.write() as tx:
        for one in (hidden, dave, noisy):
            choice, nobody = Choice.FOUND, Found.NOBODY
            consent.choose(tx, stage.site, one.user, choice, nobody, locale="en", how="page")
    plan = planned(stage)
    assert plan.left_out == LeftOut(aside=0, avoided=1)
    assert plan.absent == {}
    with stage.db.read() as tx:
        assert planning.plan(tx, stage.site, stage.user, plan.id).left_out == plan.left_out
    by_hand = Selection(users=frozenset({bob.user}))
    assert planning.make_plan(stage.site, stage.user, by_hand, None).left_out == LeftOut()
