"""One refusal is about one person; several in a row, of people on several servers, are about our user."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from openportability.domain import Account
from openportability.reconnection.rules import LaneState, State
from tests.reconnection.stage import Killed, Stage, follow_writes

S = State
HERE = "harbour.example"
SERVERS = (HERE, "meadow.example", "hilltop.example")


def crowd(stage: Stage, count: int, *, servers: tuple[str, ...] = SERVERS) -> list[Account]:
    return [stage.member(host=servers[number % len(servers)]) for number in range(count)]


def forbid(stage: Stage, *whom: Account) -> None:
    stage.watched.forbidden |= {one.actor.id for one in whom}


def lane(stage: Stage) -> tuple[LaneState, str | None]:
    return stage.lane().state, stage.lane().reason


def test_a_wave_of_refusals_stops_the_lane_and_loses_nobody(stage: Stage) -> None:
    people = crowd(stage, 7)
    forbid(stage, *people)
    stage.want(*people)
    stage.pass_days(1)
    assert lane(stage) == (LaneState.HALTED, "net.many_refused")
    assert stage.states() == [S.READY] * 7
    forbid_nobody(stage)
    stage.pass_days(30)
    assert follow_writes(stage) == 0, "until the person says go on"
    stage.resume()
    stage.pass_days(2)
    assert lane(stage) == (LaneState.OPEN, None)
    assert stage.states() == [S.FOLLOWED] * 7
    assert follow_writes(stage) == 7


def forbid_nobody(stage: Stage) -> None:
    stage.watched.forbidden.clear()


def test_nobody_else_is_asked_for_once_there_is_a_wave(herd: Stage) -> None:
    people = crowd(herd, 9)
    forbid(herd, *people)
    herd.want(*people)
    herd.pass_days(1)
    assert [verb for verb, _ in herd.watched.calls].count("follow") == 5


def test_the_others_go_before_those_in_the_wave(herd: Stage) -> None:
    people = crowd(herd, 8)
    forbid(herd, *people)
    herd.want(*people)
    herd.pass_days(1)
    forbid_nobody(herd)
    herd.resume()
    herd.pass_days(0.5)
    assert [herd.row(one).state for one in people] == [S.READY] * 5 + [S.FOLLOWED] * 3


def test_who_is_refused_again_after_a_wave_is_refused_and_holds_nobody(stage: Stage) -> None:
    people, later = crowd(stage, 5), crowd(stage, 2)
    forbid(stage, *people)
    stage.want(*people)
    stage.pass_days(1)
    assert lane(stage)[0] is LaneState.HALTED
    stage.want(*later, rank=1)
    stage.resume()
    stage.pass_days(3)
    assert lane(stage) == (LaneState.OPEN, None)
    assert {(stage.row(one).state, stage.row(one).reason) for one in people} == {
        (S.REFUSED, "net.blocked")
    }
    assert {stage.row(one).state for one in later} == {S.FOLLOWED}


def test_one_refusal_is_about_one_person(stage: Stage) -> None:
    people = crowd(stage, 6)
    forbid(stage, people[2])
    stage.want(*people)
    stage.pass_days(1)
    assert Counter(stage.states()) == {S.FOLLOWED: 5, S.REFUSED: 1}
    assert stage.row(people[2]).reason == "net.forbidden"
    assert lane(stage) == (LaneState.OPEN, None)


def test_refusals_with_a_follow_between_are_not_in_a_row(herd: Stage) -> None:
    people = crowd(herd, 10)
    forbid(herd, *people[:4], *people[5:9])
    for one in people:
        herd.want(one)
        herd.pass_days(0.01)
        herd.clock.forward(minutes=1)
    assert lane(herd) == (LaneState.OPEN, None)
    assert Counter(herd.states()) == {S.REFUSED: 8, S.FOLLOWED: 2}


def test_a_server_that_another_one_does_not_speak_with_is_no_wave(herd: Stage) -> None:
    people = crowd(herd, 12, servers=SERVERS[:2])
    forbid(herd, *people)
    herd.want(*people)
    herd.pass_days(1)
    assert herd.states() == [S.REFUSED] * 12
    assert lane(herd) == (LaneState.OPEN, None)


def test_a_wave_is_seen_across_slices_and_killed_workers(herd: Stage) -> None:
    people = crowd(herd, 5)
    forbid(herd, *people)
    herd.watched.limits = replace(herd.watched.limits, gap_seconds=60)
    herd.want(*people)
    for _ in range(4):
        herd.serve()
        herd.clock.forward(minutes=3)
    assert herd.states().count(S.REFUSED) == 4
    herd.kills("follow", sent=False)
    with pytest.raises(Killed):
        herd.serve()
    herd.pass_days(1)
    assert lane(herd) == (LaneState.HALTED, "net.many_refused")
    assert herd.states() == [S.READY] * 5


def test_what_waits_after_a_wave_can_be_stopped(herd: Stage) -> None:
    people = crowd(herd, 5)
    forbid(herd, *people)
    herd.want(*people)
    herd.pass_days(1)
    herd.stop()
    assert herd.states() == [S.CANCELLED] * 5
