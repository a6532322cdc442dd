"""Reading follows, and taking back ours alone."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import httpx2
import pytest

from openportability.clock import MovedClock
from openportability.domain import ActorId, Grant, Tie
from openportability.errors import NetworkError, Throttled, Unavailable
from openportability.network import Destination
from openportability.networks.bluesky import records
from tests.networks.bluesky.stand_in import (
    ANNA,
    BEA,
    CAROL,
    CID,
    LIST,
    PLC,
    WRITE,
    Answer,
    World,
    code_of,
    listing,
    lists,
    says,
    times_out,
    wanted,
    writes_of,
)


@pytest.mark.parametrize("answer", [times_out, says(503), says(200, {}), says(200, [])])
def test_a_list_that_cannot_be_read_is_not_taken_for_an_empty_one(
    destination: Destination, grant: Grant, world: World, clock: MovedClock, answer: Answer
) -> None:
    world.answers[LIST] = answer
    with pytest.raises(Unavailable):
        destination.relationships(grant, [wanted(BEA, clock=clock)])


def test_reading_waits_when_told_to(destination: Destination, grant: Grant, world: World) -> None:
    world.answers[LIST] = says(429, {}, retry_after="9")
    with pytest.raises(Throttled) as wait:
        destination.following(grant, None)
    assert wait.value.until


def test_a_list_is_read_to_its_end_once(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    pages: dict[str, dict[str, object]] = {
        "": {**listing(("3l1", CID, CAROL)), "cursor": "one"},
        "one": {**listing(("3l2", CID, BEA)), "cursor": "two"},
        "two": {"records": [], "cursor": "three"},
    }

    def paged(request: httpx2.Request) -> httpx2.Response:
        if request.url.params["collection"] == "app.bsky.graph.block":
            return httpx2.Response(200, json=listing())
        return httpx2.Response(200, json=pages[request.url.params.get("cursor", "")])

    world.answers[LIST] = paged
    answer = destination.relationships(grant, [wanted(BEA, clock=clock)]).of[ActorId(BEA)]
    assert not isinstance(answer, NetworkError)
    assert answer.record == f"3l2 {CID}"


def test_a_list_that_never_ends_is_left(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[LIST] = says(200, {**listing(("3l1", CID, CAROL)), "cursor": "again"})
    assert destination.relationships(grant, [wanted(BEA, clock=clock)]).of
    assert len(world.asked_at(LIST)) == 4


def test_a_list_whose_pages_never_end_is_left_in_time(
    destination: Destination,
    grant: Grant,
    world: World,
    clock: MovedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers: Iterator[int] = count()

    def endless(request: httpx2.Request) -> httpx2.Response:
        page = {**listing(("3l1", CID, CAROL)), "cursor": str(next(numbers))}
        return httpx2.Response(200, json=page)

    world.answers[LIST] = endless
    seconds: Iterator[int] = count(step=5)  # so much passes before each look at the watch
    monkeypatch.setattr(records, "monotonic", lambda: next(seconds))
    with pytest.raises(Unavailable, match=r"at\.pds_down"):
        destination.relationships(grant, [wanted(BEA, clock=clock)])
    assert len(world.asked_at(LIST)) == 4


def test_records_that_are_no_follows_are_passed_over(
    destination: Destination, grant: Grant, world: World
) -> None:
    odd: list[object] = [7, {"value": 7}, {"uri": 7, "cid": CID, "value": {"subject": BEA}}]
    world.answers[LIST] = says(200, {"records": odd})
    assert destination.following(grant, None).actors == frozenset()


def test_whom_the_person_blocks_is_shown_as_blocked(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[LIST] = says(200, listing(("3l1", CID, BEA)))
    answer = destination.relationships(grant, [wanted(BEA, clock=clock)]).of[ActorId(BEA)]
    assert not isinstance(answer, NetworkError)
    assert answer.blocked


def test_of_several_follows_ours_is_named(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[LIST] = lists(("3l1", CID, BEA), ("3l2", CID, BEA), ("3l3", CID, BEA))
    rows = [wanted(BEA, "3l2", clock=clock), wanted(ANNA, clock=clock)]
    answers = destination.relationships(grant, rows)
    found = answers.of[ActorId(BEA)]
    assert not isinstance(found, NetworkError)
    assert found.record == f"3l2 {CID}"
    assert code_of(answers, ANNA) == "target.self"


# --- taking back ---


def test_only_the_record_that_is_ours_to_the_letter_is_deleted(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[LIST] = lists(("3l1", CID, BEA), ("3l2", "bafyother", CAROL))
    world.answers[WRITE] = says(200, {})
    made = [
        wanted(BEA, f"3l1 {CID}", clock=clock),
        wanted(CAROL, f"3l2 {CID}", clock=clock),
    ]
    answers = destination.unfollow(grant, made)
    (write,) = writes_of(world.asked_at(WRITE)[0])
    assert write["rkey"] == "3l1"
    taken, kept = answers.of[ActorId(BEA)], answers.of[ActorId(CAROL)]
    assert not isinstance(taken, NetworkError)
    assert not isinstance(kept, NetworkError)
    assert taken.tie is Tie.NONE
    assert (kept.tie, kept.record) == (Tie.FOLLOWING, "3l2 bafyother")


def test_what_is_gone_already_counts_as_taken_back(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[LIST] = lists()
    answers = destination.unfollow(grant, [wanted(BEA, f"3l1 {CID}", clock=clock)])
    answer = answers.of[ActorId(BEA)]
    assert not isinstance(answer, NetworkError)
    assert answer.tie is Tie.NONE
    assert not world.asked_at(WRITE)


@pytest.mark.parametrize("status", [400, 500])
def test_a_record_deleted_meanwhile_by_hand_is_looked_for_again(
    destination: Destination, grant: Grant, world: World, clock: MovedClock, status: int
) -> None:
    world.answers[LIST] = lists(("3l1", CID, BEA))
    world.answers[WRITE] = says(status, {"error": "Whatever"})
    with pytest.raises(Unavailable):
        destination.unfollow(grant, [wanted(BEA, f"3l1 {CID}", clock=clock)])


@pytest.mark.parametrize("answer", [times_out, says(400, {"error": "InvalidRequest"})])
def test_while_the_directory_is_away_nobody_is_said_to_have_moved(
    destination: Destination, grant: Grant, world: World, answer: Answer
) -> None:
    world.answers[LIST] = answer
    world.answers[f"{PLC}/{ANNA}"] = says(503)
    with pytest.raises(Unavailable):
        destination.following(grant, None)
