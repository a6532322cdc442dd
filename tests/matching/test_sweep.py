"""Sweeps under bad luck: wakes are lost, workers are killed, people leave, everything at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from sqlalchemy import func, select

from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Database, Tx
from openportability.db.schema import follow_lists, match_sets
from openportability.domain import Found, UserId
from openportability.matching import horizon_store, meeting, store, sweep
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock)


def both_ways(site: Site, alice: UserId, bob: UserId) -> tuple[bool, bool]:
    return bob in cast.seen_by(site, alice), alice in cast.seen_by(site, bob)


def test_lists_whose_wake_was_lost_are_found_by_the_chore(site: Site) -> None:
    alice, bob = (cast.join(site, OLD, number).user for number in (1, 2))
    site.engine.turn()
    cast.bring(site, alice, OLD, following=[2], followers=[2], woken=False)
    site.engine.turn()
    assert both_ways(site, alice, bob) == (True, True)
    assert not sweep.lists_wait(site)
    assert not sweep.newcomers_wait(site)
    assert site.engine.turn() == 0


def test_lists_wait_in_the_order_in_which_they_came_until_they_have_met_everyone(
    site: Site,
) -> None:
    alice, bob = (cast.join(site, OLD, number).user for number in (1, 2))
    for user, number in ((bob, 1), (alice, 1), (bob, 2)):
        cast.bring(site, user, OLD, following=[number], woken=False)
    with site.db.read() as tx:
        waiting = horizon_store.unmet(tx, 0, 10)
        assert [user for user, _ in waiting] == [alice, bob]
        assert horizon_store.unmet(tx, waiting[0][1], 10) == waiting[1:]
    sweep.match_lists(site, alice)
    with site.db.read() as tx:
        assert horizon_store.unmet(tx, 0, 10) == waiting[1:]


def test_a_worker_that_is_told_to_stop_ends_with_the_round_and_not_with_the_crowd(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = cast.join(site, OLD, 9).user
    crowd = [cast.join(site, OLD, number).user for number in (1, 2, 3)]
    site.engine.turn()
    for user in crowd:
        cast.bring(site, user, OLD, following=[9], woken=False)
    monkeypatch.setattr(sweep, "LISTS", 1)
    stop, meet_lists = Event(), sweep.meet_lists

    def last_one(site: Site) -> sweep.Round:
        stop.set()
        return meet_lists(site)

    with monkeypatch.context() as told:
        told.setattr(sweep, "meet_lists", last_one)
        site.engine.run(stop)
    assert [known in cast.seen_by(site, user) for user in crowd] == [True, False, False]
    site.engine.turn()
    assert all(known in cast.seen_by(site, user) for user in crowd)


def _fail_for(unlucky: UserId, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whatever is done with somebody's lists go wrong."""
    concerned = sweep.concerned

    def fails(tx: Tx, site: Site, user: UserId) -> sweep.Concerned:
        if user == unlucky:
            raise ArithmeticError
        return concerned(tx, site, user)

    monkeypatch.setattr(sweep, "concerned", fails)


def test_what_is_wrong_with_one_keeps_nobody_else_from_being_met(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, carol = (cast.join(site, OLD, number).user for number in (1, 2, 3))
    for user in (alice, bob):
        cast.bring(site, user, OLD, following=[3], woken=False)
    _fail_for(alice, monkeypatch)
    assert sweep.meet_lists(site).met == 1
    assert set(cast.seen_by(site, bob)) == {carol}
    with pytest.raises(ArithmeticError):
        sweep.meet_lists(site)
    monkeypatch.undo()
    assert sweep.meet_lists(site).met == 1
    assert set(cast.seen_by(site, alice)) == {carol}


def test_who_meets_many_is_left_to_a_job_of_their_own(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_MANY", 2)
    alice, bob, carol, dora = (cast.join(site, OLD, number).user for number in (1, 2, 3, 4))
    site.engine.turn()
    cast.bring(site, alice, OLD, following=[2, 3, 4], woken=False)
    cast.bring(site, bob, OLD, following=[3, 4], woken=False)
    done = sweep.meet_lists(site)
    assert (done.met, done.left) == (1, [alice])
    assert set(cast.seen_by(site, bob)) == {carol, dora}
    assert sweep.lists_wait(site)
    site.engine.turn()
    assert set(cast.seen_by(site, alice)) == {bob, carol, dora}
    site.engine.turn()
    assert not sweep.lists_wait(site)


def test_who_hides_sends_no_list_to_a_job_of_its_own(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By how many keys it has, and who is shown: so whoever sees it wait learns nothing."""
    monkeypatch.setattr(sweep, "_MANY", 5)
    alice, bob, carol = (cast.join(site, OLD, number).user for number in (1, 2, 3))
    for number in range(10, 16):
        hidden = cast.join(site, OLD, number, found=Found.NOBODY).user
        cast.bring(site, hidden, OLD, followers=[1])
    site.engine.turn()
    cast.bring(site, alice, OLD, following=[3], woken=False)
    cast.bring(site, bob, OLD, following=[3, *range(90, 95)], woken=False)
    done = sweep.meet_lists(site)
    assert (done.met, done.left) == (1, [bob])
    assert set(cast.seen_by(site, alice)) == {carol}


def test_a_long_list_that_fails_keeps_no_other_long_one_waiting(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_MANY", 1)
    alice, bob, carol, dora = (cast.join(site, OLD, number).user for number in (1, 2, 3, 4))
    for user in (alice, bob):
        cast.bring(site, user, OLD, following=[3, 4], woken=False)
    match_lists = sweep.match_lists

    def unlucky(site: Site, user: UserId) -> None:
        if user == alice:
            raise ArithmeticError
        match_lists(site, user)

    monkeypatch.setattr(sweep, "match_lists", unlucky)
    assert sweep.meet_many(site)
    assert set(cast.seen_by(site, bob)) == {carol, dora}
    with pytest.raises(ArithmeticError):
        sweep.meet_many(site)


def test_a_newcomer_whose_lists_fail_holds_up_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = cast.join(site, OLD, 1).user
    _fail_for(alice, monkeypatch)
    with pytest.raises(ArithmeticError):
        sweep.meet_newcomers(site)
    assert sweep.newcomers_wait(site)
    cast.join(site, OLD, 2)
    assert sweep.meet_newcomers(site).met == 2
    assert not sweep.newcomers_wait(site)


def test_a_pass_that_was_killed_is_done_again_to_the_end(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two people who must hear that they were taken off the list, one had heard it."""
    monkeypatch.setattr(meeting, "_PAIRS", 0.01)  # each in a transaction of their own
    alice, bob, carol = (cast.join(site, OLD, number).user for number in (1, 2, 3))
    cast.bring(site, alice, OLD, followers=[2, 3])
    site.engine.turn()
    assert {alice} == set(cast.seen_by(site, bob)) == set(cast.seen_by(site, carol))
    cast.bring(site, alice, OLD, followers=[], woken=False)
    kill_after(site, commits=1, work=lambda: sweep.match_lists(site, alice))
    site.engine.turn()
    assert cast.seen_by(site, bob) == cast.seen_by(site, carol) == {}


def kill_after(site: Site, *, commits: int, work: Callable[[], object]) -> None:
    """Do work that is killed at its next transaction after so many."""
    opened = site.db.write
    count = itertools.count()

    def write() -> object:
        if next(count) == commits:
            raise KeyboardInterrupt
        return opened()

    site.db.write = write  # type: ignore[method-assign, assignment] # the kill itself
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        site.db.write = opened  # type: ignore[method-assign] # alive again


def test_more_newcomers_than_one_pass_takes_come_one_after_the_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "NEWCOMERS", 2)
    monkeypatch.setattr(sweep, "LISTS", 2)
    alice = cast.join(site, OLD, 1).user
    cast.bring(site, alice, OLD, following=range(2, 9))
    others = {cast.join(site, OLD, number).user for number in range(2, 9)}
    for other in sorted(others):
        cast.bring(site, other, OLD, followers=[1], woken=False)
    site.engine.turn()
    assert set(cast.seen_by(site, alice)) == others
    assert all(match.evidence.they_list_me for match in cast.seen_by(site, alice).values())


def test_a_damaged_list_keeps_nobody_else_from_being_found(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bob = (cast.join(site, OLD, number).user for number in (1, 2))
    for user in (alice, bob):
        cast.bring(site, user, OLD, following=[3])
    with site.db.write() as tx:
        broken = follow_lists.update().where(follow_lists.c.user_id == alice)
        tx.execute(broken.values(sealed=b"\x01" + b"\x00" * 40))
    carol = cast.join(site, OLD, 3).user
    site.engine.turn()
    assert cast.seen_by(site, alice) == {}
    assert set(cast.seen_by(site, bob)) == {carol}
    assert {record.message for record in caplog.records} == {"list_unreadable"}


def test_who_comes_while_a_forward_pass_is_under_way_has_arrived(site: Site) -> None:
    """Their own lists are matched again, because they linked an account; meanwhile somebody comes."""
    alice = cast.join(site, OLD, 1).user
    cast.bring(site, alice, OLD, following=[2, 3])
    bob = cast.join(site, OLD, 2).user
    site.engine.turn()
    cast.join(site, NEW, 1, user=alice)
    carol = cast.join(site, OLD, 3).user
    sweep.match_lists(site, alice)
    site.engine.turn()
    seen = cast.seen_by(site, alice)
    assert {user: match.arrived for user, match in seen.items()} == {bob: False, carol: True}


def test_sweeping_for_somebody_who_left_does_nothing(site: Site) -> None:
    nobody = UserId(4711)
    sweep.match_lists(site, nobody)
    with site.db.read() as tx:
        assert tx.execute(select(func.count()).select_from(match_sets)).scalar_one() == 0
    with site.db.write() as tx:
        assert store.lock_sets(tx, site.vault, [nobody], site.clock.now()) == {}


def test_later_stages_hear_of_sets_that_changed_and_of_no_others(site: Site) -> None:
    alice, bob, carol = (cast.join(site, OLD, number).user for number in (1, 2, 3))
    cast.bring(site, alice, OLD, following=[2])
    site.engine.turn()
    assert changed(site) == {alice, bob}
    look(site, alice, bob)
    sweep.match_lists(site, alice)
    assert changed(site) == set()
    cast.bring(site, carol, OLD, following=[2])
    site.engine.turn()
    assert changed(site) == {bob, carol}


def test_a_set_that_changes_while_it_is_looked_at_is_looked_at_again(site: Site) -> None:
    alice, bob = (cast.join(site, OLD, number).user for number in (1, 2))
    cast.bring(site, alice, OLD, following=[2])
    site.engine.turn()
    with site.db.read() as tx:
        seen = store.change_of(tx, bob)
    cast.bring(site, alice, OLD, following=[2], followers=[2])
    site.engine.turn()
    with site.db.write() as tx:
        store.looked_at(tx, bob, seen)
    assert bob in changed(site)


def test_a_copy_of_the_database_does_not_show_which_sets_were_changed_together(site: Site) -> None:
    """Once looked at, sets bear no trace of when they changed; until then, no order and no pair."""
    people = [cast.join(site, OLD, number).user for number in range(1, 9)]
    for number, user in enumerate(people[::2], start=1):
        cast.bring(site, user, OLD, followers=[2 * number])
        site.engine.turn()
    with site.db.read() as tx:
        marks = [store.change_of(tx, user) for user in people]
    assert all(marks)
    assert len(set(marks)) == len(marks)
    assert min(abs(a - b) for a, b in itertools.combinations(marks, 2)) > len(marks)
    look(site, *people)
    with site.db.read() as tx:
        # How far somebody's own lists have met others comes of their lists alone, which have numbers of their own.
        of_their_own = ("user_id", "sealed", "apart", "people_met", "lists_met")
        columns = [column for column in match_sets.c if column.name not in of_their_own]
        rest = tx.execute(select(*columns)).all()
        met = horizon_store.horizons(tx, people[1::2])
    assert {tuple(row) for row in rest} == {(1, 0, None)}
    assert len(set(met.values())) == 1


def changed(site: Site) -> set[UserId]:
    with site.db.read() as tx:
        return set(store.changed(tx, 100))


def look(site: Site, *users: UserId) -> None:
    with site.db.write() as tx:
        for user in users:
            store.looked_at(tx, user, store.change_of(tx, user))


def test_a_slower_sweep_never_moves_the_cursor_back(site: Site) -> None:
    for to, now in ((5, 5), (3, 5), (9, 9)):
        with site.db.write() as tx:
            store.move_cursor(tx, "matching.accounts", to)
            assert store.cursor(tx, "matching.accounts") == now


def test_sweeps_and_matching_at_once_end_as_one_after_the_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small batches in many threads, over the same people: nothing lost, nobody locked out."""
    monkeypatch.setattr(meeting, "_PAIRS", 3)
    numbers = range(1, 11)
    people = {number: cast.join(site, OLD, number, found=Found.ANYONE).user for number in numbers}
    for number, user in people.items():
        near = {1 + (number + step) % len(numbers) for step in (1, 2, 4)}
        cast.bring(site, user, OLD, following=near, followers=near, woken=False)
        cast.join(site, NEW, number, user=user)

    def newcomers() -> None:
        while sweep.meet_newcomers(site).met:
            pass

    def matching() -> None:
        for user in people.values():
            sweep.match_lists(site, user)

    def change_of_mind() -> None:
        for number in (3, 7):
            cast.bring(site, people[number], OLD, following=[1, 2], followers=[4], woken=False)
            sweep.match_lists(site, people[number])

    together(newcomers, newcomers, matching, matching, change_of_mind)
    seen = {user: bits_of(site, user) for user in people.values()}
    site.engine.turn()
    assert {user: bits_of(site, user) for user in people.values()} == seen
    three, one, four = people[3], people[1], people[4]
    assert cast.seen_by(site, three)[one].evidence.i_follow
    assert cast.seen_by(site, four)[three].evidence.they_list_me


def together(*works: Callable[[], None]) -> None:
    """Do all at once, each in its thread; let through what one raises."""
    ready = Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        ready.wait()
        work()

    with ThreadPoolExecutor(len(works)) as threads:
        for done in [threads.submit(run, work) for work in works]:
            done.result()


def bits_of(site: Site, user: UserId) -> dict[int, int]:
    with site.db.read() as tx:
        keys = {user: accounts.personal_key(tx, site.vault, user)}
        return {met.account: met.bits for met in store.open_whole(tx, keys)[user]}
