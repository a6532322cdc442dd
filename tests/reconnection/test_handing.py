"""What a person imports themselves: in the file or followed by us, never both; and looked at afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openportability.errors import NotFound
from openportability.network import Room
from openportability.networks.fake.reply import Fault
from openportability.reconnection import service
from openportability.reconnection.rules import NOT_IMPORTED, UNAVAILABLE, State
from tests.reconnection.stage import Stage, follow_writes

S = State


def test_what_is_in_the_file_is_not_followed_by_us(herd: Stage) -> None:
    bob, carol = herd.member(), herd.member()
    herd.want(bob, rank=1)
    herd.want(carol, rank=0)
    assert herd.takes_a_file() == 2
    assert herd.file() == [carol.actor.handle, bob.actor.handle]
    herd.pass_days(1)
    assert herd.states() == [S.HANDED, S.HANDED]
    assert herd.file() == [carol.actor.handle, bob.actor.handle], "it can be taken again"
    assert follow_writes(herd) == 0


def test_what_the_person_imported_is_found_and_theirs(herd: Stage) -> None:
    bob, locked, carol = herd.member(), herd.member(locked=True), herd.member()
    herd.want(bob, locked, carol)
    herd.takes_a_file()
    herd.imports(bob, locked)
    herd.pass_days(1)
    assert [herd.row(one).state for one in (bob, locked, carol)] == [
        *(S.ALREADY, S.ALREADY, S.HANDED)
    ]
    assert herd.row(locked).reason == "net.pending"
    assert herd.file() == [carol.actor.handle]
    herd.undo()
    herd.pass_days(1)
    assert herd.follows() == [bob.actor.id], "an import is not ours to undo"


def test_what_does_not_arrive_is_offered_again_and_not_sent(herd: Stage) -> None:
    bob = herd.member()
    herd.want(bob)
    herd.takes_a_file()
    herd.pass_days(30)
    assert (herd.row(bob).state, herd.row(bob).reason) == (S.PROPOSED, NOT_IMPORTED)
    looks = [verb for verb, _ in herd.watched.calls]
    assert looks == ["relationships"] * 4
    herd.accepts()
    herd.pass_days(1)
    assert herd.row(bob).state is S.FOLLOWED
    assert follow_writes(herd) == 1


def test_who_did_not_import_is_followed_after_all(herd: Stage) -> None:
    bob, carol = herd.member(), herd.member()
    herd.want(bob, carol)
    herd.takes_a_file()
    herd.imports(carol)
    assert herd.gives_the_file_back() == 2
    herd.pass_days(1)
    assert (herd.row(bob).state, herd.row(carol).state) == (S.FOLLOWED, S.ALREADY)
    assert follow_writes(herd) == 1


def test_what_is_handed_over_in_mid_slice_is_not_sent(herd: Stage) -> None:
    herd.want(*(herd.member() for _ in range(3)))

    def meanwhile() -> None:
        assert herd.takes_a_file() == 3

    herd.watched.after["relationships"] = meanwhile
    herd.pass_days(1)
    assert follow_writes(herd) == 0
    assert herd.states() == [S.HANDED] * 3


def test_what_may_have_been_sent_is_in_no_file(herd: Stage) -> None:
    bob = herd.member()
    herd.want(bob)
    herd.fails("follow", Fault.SILENCE)
    herd.serve()
    assert herd.takes_a_file() == 0
    herd.pass_days(1)
    assert herd.row(bob).state is S.FOLLOWED


def test_stop_and_undo_take_people_out_of_the_file(herd: Stage) -> None:
    for say_no in (herd.stop, herd.undo):
        herd.want(herd.member())
        herd.takes_a_file()
        say_no()
        assert herd.file() == []
    herd.pass_days(30)
    assert herd.states() == [S.CANCELLED, S.CANCELLED]


def test_who_leaves_or_hides_is_out_of_the_file(herd: Stage) -> None:
    bob, carol = herd.member(), herd.member()
    herd.want(bob, carol)
    herd.takes_a_file()
    herd.leaves(bob)
    herd.hides(carol)
    assert herd.file() == []
    with herd.db.read() as tx:
        lines = service.page(tx, herd.site, herd.user, group=None, before=None, limit=10)
    assert [line.whom for line in lines] == [None, None]
    herd.pass_days(1)
    assert {(row.state, row.reason) for row in herd.rows()} == {(S.CANCELLED, UNAVAILABLE)}


def test_a_file_has_no_more_rows_than_its_import_takes(herd: Stage) -> None:
    first, *rest = (herd.member() for _ in range(3))
    herd.want(first, *rest)
    room = Room(in_all=50, in_a_file=1)
    assert herd.takes_a_file(room) == 1
    assert herd.takes_a_file(room) == 0, "the file is full"
    herd.pass_days(1)
    assert [herd.row(one).state for one in (first, *rest)] == [S.HANDED, S.FOLLOWED, S.FOLLOWED]


def test_who_cannot_be_written_in_a_file_is_followed_by_us(herd: Stage) -> None:
    bob = herd.member()
    odd = herd.member_as(replace(herd.network.person(), handle="=odd@herd.example"))
    herd.want(bob, odd)
    assert herd.takes_a_file() == 1
    assert herd.file() == [bob.actor.handle]
    herd.pass_days(1)
    assert (herd.row(bob).state, herd.row(odd).state) == (S.HANDED, S.FOLLOWED)


def test_where_nothing_can_be_imported_there_is_no_file(sky: Stage) -> None:
    sky.want(sky.member())
    with pytest.raises(NotFound):
        sky.takes_a_file()


def test_a_wait_that_the_network_asks_for_does_not_shrink_later_calls(sky: Stage) -> None:
    sky.want(*(sky.member() for _ in range(8)))
    sky.fails("follow", Fault.THROTTLED, times=3)
    sky.pass_days(1)
    asked = [count for verb, count in sky.watched.calls if verb == "follow"]
    assert asked == [8] * 4
    assert sky.states() == [S.FOLLOWED] * 8
