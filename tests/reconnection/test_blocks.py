"""Blocks that a person brought are carried over if they choose so: first, once, and theirs to take back."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from openportability.accounts import store as accounts
from openportability.domain import Account, Deed, Found, Kind, Pace, Purpose
from openportability.graph import store as lists
from openportability.graph.store import ListOf
from openportability.matching import jobs as matching
from openportability.matching.service import Selection
from openportability.networks.fake.reply import Fault
from openportability.reconnection import blocking, planning
from openportability.reconnection.blocking import Offer
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
        return blocking.offers(tx, stage.site, stage.user, plan)


def offered(stage: Stage) -> int:
    return sum(offer.count for offer in offers(stage))


def carries_over(stage: Stage) -> int:
    with stage.db.write() as tx:
        return blocking.carry_over(tx, stage.site, stage.user, [stage.name], 1)


def test_blocks_are_made_once_and_before_any_follow(stage: Stage) -> None:
    troll, carol = stage.member(), stage.member()
    stage.grant(Purpose.BLOCK)
    stage.want(carol)
    brings(stage, Kind.BLOCKED, troll)
    assert offered(stage) == 1
    assert (carries_over(stage), carries_over(stage)) == (1, 0)
    stage.fails("block", Fault.SILENCE)
    stage.pass_days(2)
    assert stage.blocks() == [troll.actor.id]
    assert stage.follows() == [carol.actor.id]
    assert stage.sent()[0] == ("block", troll.actor.id)
    assert stage.states() == [S.FOLLOWED] * 2
    assert offered(stage) == 0


def test_undo_ends_our_blocks_and_leaves_those_made_by_hand(stage: Stage) -> None:
    ours, theirs = stage.member(), stage.member()
    stage.grant(Purpose.BLOCK)
    stage.network.stage.ask("block_by_hand", who=stage.me.actor.id, whom=theirs.actor.id)
    brings(stage, Kind.BLOCKED, ours, theirs)
    carries_over(stage)
    stage.pass_days(1)
    assert stage.row(theirs).state is S.ALREADY
    stage.undo()
    stage.pass_days(1)
    assert stage.row(ours).state is S.UNDONE
    assert stage.blocks() == [theirs.actor.id]


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
    assert (stage.follows(), stage.blocks()) == ([], [])
    stage.pass_days(1)
    assert stage.blocks() == [troll.actor.id]


def test_without_the_right_to_block_follows_go_on(stage: Stage) -> None:
    troll, carol = stage.member(), stage.member()
    brings(stage, Kind.BLOCKED, troll)
    carries_over(stage)
    stage.want(carol)
    stage.pass_days(1)
    assert (stage.row(troll).state, stage.row(troll).reason) == (S.REFUSED, "net.no_blocks")
    assert stage.row(carol).state is S.FOLLOWED
    stage.grant(Purpose.BLOCK)
    stage.retry()
    stage.pass_days(1)
    assert stage.blocks() == [troll.actor.id]


def test_who_hides_or_is_muted_is_not_offered(sky: Stage) -> None:
    hidden, troll, noisy = sky.member(found=Found.NOBODY), sky.member(), sky.member()
    sky.grant(Purpose.BLOCK)
    brings(sky, Kind.MUTED, noisy)
    brings(sky, Kind.BLOCKED, hidden, troll)
    assert offered(sky) == 1
    carries_over(sky)
    sky.hides(troll)
    sky.serve()
    assert (sky.row(troll).state, sky.row(troll).reason) == (S.CANCELLED, UNAVAILABLE)
    assert sky.blocks() == []


def test_who_was_chosen_to_be_blocked_is_though_the_list_is_gone(stage: Stage) -> None:
    troll = stage.member()
    stage.grant(Purpose.BLOCK)
    brings(stage, Kind.BLOCKED, troll)
    carries_over(stage)
    brings(stage, Kind.BLOCKED)
    assert offered(stage) == 0
    stage.pass_days(1)
    assert stage.blocks() == [troll.actor.id]


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
