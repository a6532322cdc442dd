from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from openportability.domain import Actor, Grant, Purpose, Relationship, Tie, Wanted
from openportability.errors import Refused, Throttled, Unavailable
from openportability.networks.fake.allowance import Allowance
from openportability.networks.fake.reply import Refusal
from openportability.networks.fake.residents import Role
from tests.networks.fake.stage import Stage

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = 3_600


def test_the_401st_follow_of_a_day_waits_for_the_next_day() -> None:
    stage = Stage(Role.INSTANCES)
    who, _ = stage.somebody()
    # Neither before nor after midnight by chance: start at the beginning of a day.
    now = stage.clock.now()
    stage.clock.forward(seconds=86_400 - now.timestamp() % 86_400)
    grant = _signed_in_again(stage, who)
    for wanted in stage.strangers(400):
        stage.follow(grant, [wanted])
        stage.clock.forward(seconds=2)
    (one_more,) = stage.strangers(1)
    for _ in range(3):
        with pytest.raises(Throttled) as caught:
            stage.follow(grant, [one_more])
    midnight = caught.value.until
    assert midnight
    assert (midnight.hour, midnight.minute, midnight.second) == (0, 0, 0)
    spent = stage.subject.stage.ask("spending")[who.id]
    assert spent == {"highest": {"86400": 400, "300": 150}, "refused": 3}
    stage.clock.forward(seconds=(midnight - stage.clock.now()).total_seconds() + 1)
    answer = stage.follow(_signed_in_again(stage, who), [one_more]).of[one_more.actor.id]
    assert answer == Relationship(tie=Tie.FOLLOWING)


def test_following_somebody_again_costs_nothing() -> None:
    stage = Stage(Role.INSTANCES)
    who, grant = stage.somebody()
    (wanted,) = stage.strangers(1)
    for _ in range(5):
        stage.follow(grant, [wanted])
    assert stage.subject.stage.ask("spending")[who.id]["highest"]["86400"] == 1


def test_requests_are_counted_where_there_are_instances() -> None:
    stage = Stage(Role.INSTANCES)
    who, grant = stage.somebody()
    others = stage.strangers(3)
    for _ in range(2):
        stage.destination.relationships(grant, others)
    stage.follow(grant, others[:1])
    stage.destination.unfollow(grant, others[:1])
    spent = stage.subject.stage.ask("spending")[who.id]
    assert spent["highest"]["300"] == (1 + 6) + (1 + 3) + 1 + 2


def test_one_call_follows_one_where_there_are_instances() -> None:
    stage = Stage(Role.INSTANCES)
    _, grant = stage.somebody()
    with pytest.raises(Refused):
        stage.follow(grant, stage.strangers(2))


def test_records_are_written_200_at_once_and_1666_an_hour() -> None:
    stage = Stage(Role.REPOSITORY)
    who, _ = stage.somebody()
    stage.clock.forward(seconds=HOUR - stage.clock.now().timestamp() % HOUR)
    grant = _signed_in_again(stage, who)
    left = [
        budget.remaining
        for _ in range(8)
        if (budget := stage.follow(grant, stage.strangers(200)).budget)
    ]
    assert left == [1_466, 1_266, 1_066, 866, 666, 466, 266, 66]
    with pytest.raises(Throttled):
        stage.follow(grant, stage.strangers(200))
    # The refused call cost its points too: now not even ten fit.
    with pytest.raises(Throttled) as caught:
        stage.follow(grant, stage.strangers(10))
    assert caught.value.until
    assert caught.value.until - stage.clock.now() <= timedelta(hours=1)
    assert len(stage.subject.follows(who)) == 1_600


def test_more_than_a_batch_is_refused_whole() -> None:
    stage = Stage(Role.REPOSITORY)
    who, grant = stage.somebody()
    with pytest.raises(Refused):
        stage.follow(grant, stage.strangers(201))
    assert stage.subject.follows(who) == []


def test_a_used_key_fails_its_whole_batch_without_a_word() -> None:
    stage = Stage(Role.REPOSITORY)
    who, grant = stage.somebody()
    first, second, third = stage.strangers(3)
    stage.follow(grant, [first])
    with pytest.raises(Unavailable):
        stage.follow(grant, [second, Wanted(actor=third.actor, record=first.record)])
    assert stage.subject.follows(who) == [first.actor.id]


def test_the_same_person_can_be_followed_twice_under_two_keys() -> None:
    stage = Stage(Role.REPOSITORY)
    who, grant = stage.somebody()
    (wanted,), (key,) = stage.strangers(1), stage.destination.reserve(1)
    stage.follow(grant, [wanted])
    stage.follow(grant, [Wanted(actor=wanted.actor, record=key)])
    assert stage.subject.follows(who) == [wanted.actor.id] * 2


def test_a_faster_world_has_shorter_windows() -> None:
    stage = Stage(Role.INSTANCES, SPEED="86400")
    assert stage.destination.limits.windows == ((400, 1, 1, 0), (300, 1, 4, 2))
    assert stage.destination.limits.gap_seconds == pytest.approx(1 / 86_400)


def test_the_fullest_window_says_when_to_come_back() -> None:
    allowance = Allowance(((2, 60), (3, HOUR)))
    allowance.take("a", 2, NOON)
    assert allowance.left("a", NOON) == (0, NOON + timedelta(minutes=1))
    with pytest.raises(Refusal) as caught:
        allowance.take("a", 1, NOON)
    assert caught.value.until == NOON + timedelta(minutes=1)
    later = NOON + timedelta(minutes=1)
    allowance.take("a", 1, later)
    with pytest.raises(Refusal) as caught:
        allowance.take("a", 1, later)
    assert caught.value.until == NOON + timedelta(hours=1)
    assert allowance.highest("a") == {"60": 2, "3600": 3}
    allowance.take("b", 2, later)


def _signed_in_again(stage: Stage, who: Actor) -> Grant:
    """Return a fresh grant: the old one has ended with its hour."""
    grant = stage.subject.sign_in(who, Purpose.FOLLOW).grant
    assert grant
    return grant
