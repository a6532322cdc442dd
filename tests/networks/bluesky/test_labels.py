"""Who was marked by the network's moderators lately follows nobody; whoever does not answer stops nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest

from openportability.clock import MovedClock
from openportability.domain import Grant, Relationship
from openportability.errors import Flagged
from openportability.network import Destination
from openportability.networks.bluesky.labels import MODERATION
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.stand_in import (
    ANNA,
    BEA,
    VIEW,
    WRITE,
    Answer,
    World,
    does_it,
    says,
    times_out,
    wanted,
)

Follow = Callable[[], bool]
PROFILE = f"{VIEW}/xrpc/app.bsky.actor.getProfile"


def label(clock: MovedClock, **instead: object) -> dict[str, object]:
    since = clock.now() - timedelta(hours=3)
    return {
        "src": MODERATION,
        "uri": ANNA,
        "val": "spam",
        "cts": since.isoformat().replace("+00:00", "Z"),
        **instead,
    }


def profile(*labels: object) -> Answer:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.params["actor"] == ANNA
        assert request.headers["atproto-accept-labelers"] == MODERATION
        assert "authorization" not in request.headers
        return httpx2.Response(200, json={"did": ANNA, "labels": list(labels)})

    return answer


@pytest.fixture
def follow(destination: Destination, grant: Grant, clock: MovedClock) -> Follow:
    """Follow somebody; say whether that was done."""
    return lambda: _follows(destination, grant, clock)


def _follows(destination: Destination, grant: Grant, clock: MovedClock) -> bool:
    (answer,) = destination.follow(grant, [wanted(BEA, clock=clock)]).of.values()
    return isinstance(answer, Relationship)


@pytest.fixture(autouse=True)
def _writes(world: World) -> None:
    world.answers[WRITE] = does_it


@pytest.mark.parametrize("val", ["spam", "!warn", "!hide", "!takedown", "inauthentic"])
def test_who_was_marked_lately_follows_nobody(
    follow: Follow, world: World, clock: MovedClock, val: str
) -> None:
    world.answers[PROFILE] = profile(label(clock, val=val))
    for _ in range(2):
        with pytest.raises(Flagged, match=r"at\.labelled"):
            follow()
    assert not world.asked_at(WRITE)


def test_who_is_shown_to_nobody_any_more_follows_nobody(follow: Follow, world: World) -> None:
    said = {"error": "AccountTakedown", "message": "Account has been suspended"}
    world.answers[PROFILE] = says(400, said)
    with pytest.raises(Flagged, match=r"at\.labelled"):
        follow()


@pytest.mark.parametrize(
    "instead",
    [
        {"val": "porn"},
        {"val": "!no-unauthenticated"},
        {"src": ANNA},
        {"src": BEA},
        {"uri": f"at://{ANNA}/app.bsky.actor.profile/self"},
        {"neg": True},
        {"exp": "2020-01-01T00:00:00Z"},
        {"cts": "2020-01-01T00:00:00Z"},
    ],
)
def test_other_labels_stop_nobody(
    follow: Follow,
    world: World,
    clock: MovedClock,
    instead: dict[str, object],
) -> None:
    world.answers[PROFILE] = profile(label(clock, **instead), "x", 7)
    assert follow()


@pytest.mark.parametrize("instead", [{"cts": "yesterday"}, {"cts": None}, {"exp": "never"}])
def test_a_label_whose_times_cannot_be_read_counts(
    follow: Follow,
    world: World,
    clock: MovedClock,
    instead: dict[str, object],
) -> None:
    world.answers[PROFILE] = profile(label(clock, **instead))
    with pytest.raises(Flagged):
        follow()


def test_it_is_asked_once_an_hour(follow: Follow, world: World, clock: MovedClock) -> None:
    world.answers[PROFILE] = profile()
    assert all(follow() for _ in range(3))
    assert len(world.asked_at(PROFILE)) == 1
    clock.forward(hours=1, seconds=1)
    world.answers[PROFILE] = profile(label(clock))
    with pytest.raises(Flagged):
        follow()


@pytest.mark.parametrize("answer", [says(429), says(502), times_out])
def test_a_service_that_does_not_answer_stops_nobody_and_is_left_alone(
    follow: Follow, world: World, clock: MovedClock, answer: Answer
) -> None:
    world.answers[PROFILE] = answer
    assert all(follow() for _ in range(3))
    assert len(world.asked_at(PROFILE)) == 1
    clock.forward(minutes=6)
    world.answers[PROFILE] = profile(label(clock))
    with pytest.raises(Flagged):
        follow()


@pytest.mark.parametrize(
    "answer", [says(400, {"error": "InvalidRequest"}), says(200, []), says(200, {"labels": 7})]
)
def test_an_account_that_is_not_known_there_is_marked_by_nobody(
    follow: Follow, world: World, answer: Answer
) -> None:
    world.answers[PROFILE] = answer
    assert follow()


def test_without_such_a_service_nobody_is_asked(
    load: Load, world: World, grant: Grant, clock: MovedClock
) -> None:
    network = load(transport=httpx2.MockTransport(world), view="")
    assert network.destination
    assert _follows(network.destination, grant, clock)
    assert all(str(one.url).startswith(WRITE) for one in world.asked)
