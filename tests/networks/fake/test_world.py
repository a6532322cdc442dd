from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from openportability.clock import MovedClock
from openportability.domain import Relationship, Tie, Wanted
from openportability.errors import Gone, Misconfigured, NetworkError, SignedOut, Unavailable
from openportability.networks.fake.reply import Fault
from openportability.networks.fake.residents import FLAKY_HOST, SLOW_HOST, Role
from openportability.networks.fake.way import through
from openportability.networks.fake.world import shared_world
from tests.networks.fake.stage import Stage
from tests.networks.subject import a_door, load


def test_it_never_loads_where_real_people_come() -> None:
    with pytest.raises(Misconfigured) as caught:
        load("fake", name="bird", base_url="https://example.org", development=False)
    assert "bird" in str(caught.value)


@pytest.mark.parametrize("option", ["ROLE", "SPEED", "FAULTS", "PEOPLE"])
def test_a_wrong_option_is_told_at_the_start(option: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load("fake", options={option: "much"})
    assert "FAKE_" in str(caught.value)


def test_one_site_has_one_world_and_another_site_has_another() -> None:
    clock = MovedClock()
    world = shared_world(seed="1", people=10, clock=clock)
    assert shared_world(seed="1", people=10, clock=clock) is world
    assert shared_world(seed="2", people=10, clock=clock) is not world
    assert shared_world(seed="1", people=10, clock=MovedClock()) is not world


def test_a_token_ends_after_an_hour() -> None:
    stage = Stage(Role.REPOSITORY)
    _, grant = stage.somebody()
    assert grant.expires_at
    stage.clock.forward(hours=1)
    assert stage.clock.now() >= grant.expires_at
    with pytest.raises(SignedOut):
        stage.destination.following(grant, None)
    assert stage.network.sign_in
    fresh = stage.network.sign_in.refresh(grant)
    assert stage.destination.following(fresh, None).actors == frozenset()


def test_calls_fail_as_planned_and_then_no_more() -> None:
    stage = Stage(Role.REPOSITORY)
    who, grant = stage.somebody()
    wanted = stage.strangers(1)
    stage.world.fail_next(stage.network.name, "follow", Fault.DOWN, times=2)
    for _ in range(2):
        with pytest.raises(Unavailable):
            stage.follow(grant, wanted)
    stage.follow(grant, wanted)
    assert len(stage.subject.follows(who)) == 1


def test_who_looks_before_following_follows_once_in_a_world_full_of_faults() -> None:
    stage = Stage(Role.REPOSITORY, FAULTS="40", SPEED="100000")
    who, grant = stage.somebody()
    wanted = stage.strangers(30)
    failed = 0
    for one in wanted:
        while True:
            try:
                found = stage.destination.relationships(grant, [one]).of[one.actor.id]
                assert isinstance(found, Relationship)
                if found.tie is Tie.FOLLOWING:
                    break
                stage.follow(grant, [one])
            except NetworkError:
                failed += 1
    assert failed > 5
    assert sorted(stage.subject.follows(who)) == sorted(one.actor.id for one in wanted)


def test_every_write_is_in_the_log_with_its_time() -> None:
    stage = Stage(Role.REPOSITORY)
    who, grant = stage.somebody()
    wanted = stage.strangers(2)
    stage.follow(grant, wanted)
    stage.subject.follow_by_hand(who, stage.subject.person())
    stage.destination.unfollow(grant, wanted[:1])
    writes = stage.subject.stage.ask("writes")["writes"]
    assert [write["verb"] for write in writes] == ["follow", "follow", "unfollow"]
    assert [write["whom"] for write in writes[:2]] == [one.actor.id for one in wanted]
    assert {write["actor"] for write in writes} == {who.id}
    assert writes[0]["at"] <= writes[2]["at"]
    assert stage.subject.stage.ask("writes", since=2)["writes"] == writes[2:]
    assert stage.subject.stage.ask("writes", since=1, most=1)["writes"] == writes[1:2]


def test_a_slow_server_confirms_a_follow_after_a_minute() -> None:
    stage = Stage(Role.INSTANCES)
    _, grant = stage.somebody()
    wanted = _on_host(stage, SLOW_HOST)
    assert stage.follow(grant, [wanted]).of[wanted.actor.id] == Relationship(tie=Tie.REQUESTED)
    assert stage.destination.following(grant, None).actors == frozenset()
    stage.clock.forward(minutes=1)
    assert stage.destination.following(grant, None).actors == {wanted.actor.id}


def test_a_flaky_server_is_away_now_and_then_and_only_for_its_own_people() -> None:
    stage = Stage(Role.INSTANCES)
    _, grant = stage.somebody()
    answers = []
    for _ in range(30):
        flaky, steady = _on_host(stage, FLAKY_HOST), _on_host(stage, "meadow.example")
        answers.append(stage.follow(grant, [flaky]).of[flaky.actor.id])
        answer = stage.follow(grant, [steady]).of[steady.actor.id]
        assert answer == Relationship(tie=Tie.FOLLOWING)
        stage.clock.forward(minutes=1)
    away = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert 3 < len(away) < 27


def test_following_oneself_or_a_deleted_account_is_an_answer_about_one() -> None:
    stage = Stage(Role.INSTANCES)
    who, grant = stage.somebody()
    assert isinstance(stage.follow(grant, [Wanted(actor=who)]).of[who.id], NetworkError)
    (wanted,) = stage.strangers(1)
    stage.subject.delete(wanted.actor)
    assert isinstance(stage.follow(grant, [wanted]).of[wanted.actor.id], Gone)


def test_some_had_found_a_few_again_by_hand() -> None:
    stage = Stage(Role.INSTANCES, people=500)
    newcomer = stage.subject.stage.ask("person", who="newcomer")
    before = stage.subject.stage.ask("follows_of", who=newcomer["id"])["actors"]
    assert 1 <= len(before) < 50


@pytest.fixture(scope="module")
def world_elsewhere() -> Iterator[str]:
    """The address of a world in another process."""
    command = ["-m", "openportability.networks.fake.world_server", "--people", "10"]
    with subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.terminate()


def test_a_world_in_another_process_outlives_us(world_elsewhere: str) -> None:
    clock = MovedClock()
    door = a_door(clock)
    way = through(door, world_elsewhere, clock)
    before = Stage(Role.REPOSITORY, clock=clock, way=way, WORLD_URL=world_elsewhere)
    who, grant = before.somebody()
    wanted = before.strangers(3)
    before.follow(grant, wanted)
    after = Stage(Role.REPOSITORY, clock=MovedClock(), way=way, WORLD_URL=world_elsewhere)
    (page,) = after.everybody_followed(grant)
    assert page.actors == {one.actor.id for one in wanted}
    assert len(after.subject.follows(who)) == 3
    door.request("POST", f"{world_elsewhere}/forward", json={"args": {"hours": 2}})
    with pytest.raises(SignedOut):
        after.destination.following(grant, None)
    for one in (before.door, after.door, door):
        one.close()


def _on_host(stage: Stage, host: str) -> Wanted:
    nick = f"on_{host.partition('.')[0]}_{stage.clock.now().timestamp():.0f}"
    told = stage.subject.stage.ask("arrive", nick=nick, host=host)
    return Wanted(actor=stage.subject._actor(told))
