"""The ledger and its lanes on both databases, and the person's hand on them."""

from __future__ import annotations

import weakref
from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from openportability.accounts import store as accounts
from openportability.db.engine import Database
from openportability.db.schema import lanes, match_sets, reconnections
from openportability.domain import Pace, Standing, UserId
from openportability.networks.fake.reply import Fault
from openportability.networks.fake.residents import Role
from openportability.reconnection import jobs, lane_store, planning, service, standing
from openportability.reconnection.lane_store import LEASE
from openportability.reconnection.plan import Row, Verdict
from openportability.reconnection.rules import STOPPED, UNDO_WANTED, LaneState, Origin, State
from tests.reconnection.stage import Stage

S = State


@pytest.fixture
def sky(db: Database) -> Stage:
    return Stage(db, Role.REPOSITORY)


def test_what_is_wanted_twice_is_one_row(sky: Stage) -> None:
    bob = sky.member()
    sky.want(bob)
    sky.want(bob)
    assert sky.states() == [S.READY]


def test_whom_a_row_is_about_is_in_no_column(sky: Stage) -> None:
    bob = sky.member()
    sky.want(bob)
    sky.serve()
    with sky.db.read() as tx:
        (row,) = tx.execute(reconnections.select())
    for value in row:
        text = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        assert bob.actor.id.encode() not in text
        assert bob.actor.handle.encode() not in text
    assert bob.id.to_bytes(8, "big") not in bytes(row.whom)


def test_what_a_lane_had_spent_before_is_soon_forgotten(sky: Stage) -> None:
    sky.want(sky.member())
    read = []
    for second in range(1_000):
        with sky.db.write() as tx:
            tx.execute(update(lanes).values(spent=f"[[{second}, 1]]"))
            (lane,) = lane_store.hold_all(tx, sky.me.user)
        read.append(weakref.ref(lane.spent[0]))
    assert sum(spent() is not None for spent in read) < 500


def test_another_person_s_rows_are_not_touched(sky: Stage) -> None:
    bob = sky.member()
    sky.want(bob)
    (mine,) = sky.rows()
    stranger = sky.member().user
    with sky.db.write() as tx:
        service.undo(tx, sky.site, stranger, [mine.id])
        service.stop(tx, sky.site, stranger)
    assert sky.states() == [S.READY]


def test_stop_cancels_what_was_not_asked_for_and_holds_the_rest(sky: Stage) -> None:
    asked, unasked = sky.member(), sky.member()
    sky.want(asked)
    sky.fails("follow", Fault.DOWN)
    sky.serve()
    sky.want(unasked)
    sky.stop()
    assert sky.row(unasked).state is S.CANCELLED
    assert (sky.row(asked).state, sky.row(asked).held) == (S.READY, STOPPED)


def test_a_stop_after_an_undo_does_not_make_less_of_it(sky: Stage) -> None:
    sky.want(sky.member())
    sky.fails("follow", Fault.DOWN)
    sky.serve()
    sky.undo()
    sky.stop()
    assert sky.rows()[0].held == UNDO_WANTED


def test_a_lane_is_served_by_one_worker_until_its_lease_lapses(sky: Stage) -> None:
    sky.want(sky.member())
    with sky.db.write() as tx:
        lane_store.claim(tx, [sky.me.id], "one", sky.clock.now())
    assert not sky.lane().due(sky.clock.now())
    assert not sky.serve()
    sky.clock.forward(seconds=LEASE.total_seconds() + 1)
    sky.serve()
    assert sky.states() == [S.FOLLOWED]


def test_a_follow_that_is_wanted_while_the_lane_is_served_is_not_forgotten(sky: Stage) -> None:
    bob, carol = sky.member(), sky.member()
    sky.want(bob)
    sky.watched.after["follow"] = lambda: sky.want(carol)
    sky.serve()
    assert sky.lane().next_at is not None
    sky.clock.forward(seconds=1)
    sky.serve()
    assert sky.states() == [S.FOLLOWED] * 2


def test_due_lanes_come_longest_due_first_and_without_networks_that_are_not_loaded(
    sky: Stage,
) -> None:
    others = [sky.member() for _ in range(3)]
    now = sky.clock.now()
    with sky.db.write() as tx:
        for place, one in enumerate(others):
            lane_store.open_lanes(tx, one.user, [one])
            lane_store.wake(tx, one.id, now - timedelta(minutes=place))
    with sky.db.read() as tx:
        due = lane_store.due_lanes(tx, [sky.name], now, 10)
        none = lane_store.due_lanes(tx, [], now, 10)
    assert due == [one.id for one in reversed(others)]
    assert none == []


def test_the_chore_wakes_due_lanes_and_a_turn_serves_them(sky: Stage) -> None:
    sky.want(sky.member())
    sky.site.engine.turn()
    assert sky.states() == [S.FOLLOWED]


def test_a_lane_of_a_network_that_is_not_loaded_waits(sky: Stage) -> None:
    sky.want(sky.member())
    with sky.db.write() as tx:
        tx.execute(lanes.update().values(network="elsewhere"))
    assert not sky.serve()
    assert sky.lane().lease is None
    with sky.db.read() as tx:
        assert len(service.progress(tx, sky.site, sky.user)) == 1


def test_progress_counts_what_the_page_says(herd_of_states: Stage) -> None:
    with herd_of_states.db.read() as tx:
        (line,) = service.progress(tx, herd_of_states.site, herd_of_states.user)
    assert (line.total("done"), line.total("waiting"), line.total("failed")) == (1, 1, 1)
    assert line.wanted == 3
    assert line.state is LaneState.OPEN
    assert line.forecast is not None
    assert line.forecast.finishes_at >= herd_of_states.clock.now()


@pytest.fixture
def herd_of_states(db: Database) -> Stage:
    stage = Stage(db, Role.INSTANCES)
    done, gone, waiting = stage.member(), stage.member(), stage.member()
    stage.network.stage.ask("vanish", who=gone.actor.id)
    stage.want(done, gone)
    stage.serve()
    stage.want(waiting)
    return stage


def test_the_ledger_is_paged_newest_first_by_group(herd_of_states: Stage) -> None:
    stage = herd_of_states
    with stage.db.read() as tx:
        lines = service.page(tx, stage.site, stage.user, group=None, before=None, limit=2)
        rest = service.page(
            tx, stage.site, stage.user, group=None, before=lines[-1].row.id, limit=2
        )
        failed = service.page(tx, stage.site, stage.user, group="failed", before=None, limit=9)
    assert [line.row.id for line in (*lines, *rest)] == sorted(
        (row.id for row in stage.rows()), reverse=True
    )
    assert [line.row.state for line in failed] == [S.GONE]


def test_who_hides_has_no_name_in_the_ledger(sky: Stage) -> None:
    bob = sky.member()
    sky.want(bob)
    with sky.db.write() as tx:
        accounts.choose(tx, bob.user, found="nobody")
    sky.serve()
    with sky.db.read() as tx:
        (line,) = service.page(tx, sky.site, sky.user, group=None, before=None, limit=9)
    assert line.whom is None


def test_a_proposal_waits_for_a_yes(sky: Stage) -> None:
    bob = sky.member()
    row = Row(account=sky.me.id, whom=bob.id, network=sky.name, verdict=Verdict.NEW, rank=0)
    with sky.db.write() as tx:
        planning.want(
            tx,
            sky.site,
            sky.user,
            [row],
            origin=Origin.STANDING,
            plan_id=None,
            state=State.PROPOSED,
        )
    assert not sky.serve()
    with sky.db.write() as tx:
        standing.accept_proposed(tx, sky.site, sky.user)
    sky.serve()
    assert sky.states() == [S.FOLLOWED]


def test_who_wishes_nothing_is_proposed_nothing(sky: Stage) -> None:
    with sky.db.write() as tx:
        accounts.choose(tx, sky.user, standing=Standing.OFF, pace=Pace.NORMAL)
    assert standing.propose(sky.site, sky.user) == 0
    assert standing.propose(sky.site, sky.user) == 0
    assert sky.rows() == []


def test_one_look_wakes_all_whose_matches_changed(sky: Stage) -> None:
    """However many: who waits for the next look waits longer than the minute that is promised."""
    people = 500
    with sky.db.write() as tx:
        now = sky.site.clock.now()
        users = [accounts.create_user(tx, sky.site.vault, "en", now) for _ in range(people)]
        empty = {"n": 0, "sealed": b"", "apart": b""}
        rows = [{"user_id": user, "changed": user, **empty} for user in users]
        tx.execute(insert(match_sets), rows)
    _, chores = jobs.work(sky.site)
    (look,) = [chore.look for chore in chores if chore.name == "standing"]
    assert {int(wake.key) for wake in look()} >= set(users)
    for wake in look():
        standing.propose(sky.site, UserId(int(wake.key)))
    assert list(look()) == []


def test_unlinking_forgets_lane_and_ledger(sky: Stage) -> None:
    sky.want(sky.member())
    sky.leaves(sky.me)
    assert sky.rows() == []
    with sky.db.read() as tx:
        assert lane_store.lanes_of(tx, sky.user) == []
