"""Following where the server refuses, waits, breaks off or answers nonsense."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest

from openportability.clock import MovedClock
from openportability.domain import ActorId, Grant, Tie
from openportability.errors import (
    Flagged,
    NetworkError,
    Refused,
    SignedOut,
    Throttled,
    Unavailable,
)
from openportability.network import Destination
from openportability.networks.bluesky.syntax import is_record_key
from tests.networks.bluesky.stand_in import (
    ANNA,
    BEA,
    CAROL,
    CID,
    LIST,
    PLC,
    STATUS,
    WRITE,
    Answer,
    World,
    code_of,
    document,
    does_it,
    proof_of,
    says,
    times_out,
    wanted,
    writes_of,
)

# --- one row is wrong ---


@pytest.mark.parametrize(
    "message",
    ["Invalid DID at $.writes[1].record.subject", "must be a DID at /writes/1/value/subject"],
)
def test_one_wrong_row_is_refused_and_the_others_are_done(
    destination: Destination, grant: Grant, world: World, clock: MovedClock, message: str
) -> None:
    def picky(request: httpx2.Request) -> httpx2.Response:
        if CAROL in request.content.decode():
            return httpx2.Response(400, json={"error": "InvalidRequest", "message": message})
        return does_it(request)

    world.answers[WRITE] = picky
    rows = [wanted(did, clock=clock) for did in (BEA, CAROL)]
    answers = destination.follow(grant, rows)
    assert code_of(answers, CAROL) == "at.refused"
    made = answers.of[ActorId(BEA)]
    assert not isinstance(made, NetworkError)
    assert made.tie is Tie.FOLLOWING
    assert len(world.asked_at(WRITE)) == 2


def test_a_server_that_finds_fault_for_ever_is_asked_twice_and_the_rest_waits(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[WRITE] = says(400, {"error": "InvalidRequest", "message": "at $.writes[0]"})
    dids = ["did:plc:" + letter * 24 for letter in "bcd"]
    answers = destination.follow(grant, [wanted(did, clock=clock) for did in dids])
    kinds = [type(answers.of[ActorId(did)]) for did in dids]
    assert kinds == [Refused, Refused, Unavailable]
    assert len(world.asked_at(WRITE)) == 2


def test_a_batch_refused_without_a_reason_is_refused_whole(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[WRITE] = says(400, {"error": "InvalidRequest", "message": "no"})
    world.answers[STATUS] = says(200, {"did": ANNA, "active": True})
    answers = destination.follow(grant, [wanted(did, clock=clock) for did in (BEA, CAROL)])
    assert {code_of(answers, did) for did in (BEA, CAROL)} == {"at.refused"}


def test_what_would_spoil_a_batch_is_never_sent(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    rows = [
        wanted("nonsense", clock=clock),
        wanted(ANNA, clock=clock),
        wanted(BEA, "not a key", clock=clock),
    ]
    answers = destination.follow(grant, rows)
    assert code_of(answers, "nonsense") == "at.refused"
    assert code_of(answers, ANNA) == "target.self"
    assert code_of(answers, BEA) == "at.refused"
    assert not world.asked_at(WRITE)


# --- all must stop ---


@pytest.mark.parametrize(
    "answer",
    [
        times_out,
        says(500, {"error": "InternalServerError"}),
        says(502),
        says(200, {"results": []}),
        says(200, {"results": [{"cid": 7}]}),
        says(200, {"results": [{"cid": CID, "uri": f"at://{ANNA}/x/other"}]}),
        lambda _: httpx2.Response(200, html="<h1>Hello</h1>"),
    ],
)
def test_where_nobody_knows_what_was_done_the_caller_looks(
    destination: Destination, grant: Grant, world: World, clock: MovedClock, answer: Answer
) -> None:
    world.answers[WRITE] = answer
    with pytest.raises(Unavailable) as unknown:
        destination.follow(grant, [wanted(BEA, clock=clock)])
    assert unknown.value.code == "at.uncertain"
    assert len(world.asked_at(WRITE)) == 1


@pytest.mark.parametrize(
    ("policy", "code"), [("5000;w=3600", "at.points"), ("3000;w=300", "net.throttled")]
)
def test_too_many_is_a_time_to_come_back(
    destination: Destination,
    grant: Grant,
    world: World,
    clock: MovedClock,
    policy: str,
    code: str,
) -> None:
    resets = int((clock.now() + timedelta(minutes=40)).timestamp())
    world.answers[WRITE] = says(
        429,
        {"error": "RateLimitExceeded"},
        ratelimit_reset=str(resets),
        ratelimit_policy=policy,
    )
    with pytest.raises(Throttled) as wait:
        destination.follow(grant, [wanted(BEA, clock=clock)])
    assert wait.value.code == code
    assert wait.value.until
    assert wait.value.until.timestamp() == resets


@pytest.mark.parametrize(
    ("status", "said", "error", "code"),
    [
        (403, "ScopeMissingError", SignedOut, "at.scope_missing"),
        (401, "invalid_token", SignedOut, "at.session_lost"),
        (403, "Forbidden", SignedOut, "at.session_lost"),
        (401, "AccountTakedown", Flagged, "at.suspended"),
        (401, "AccountDeactivated", SignedOut, "at.deactivated"),
    ],
)
def test_a_lost_right_stops_the_account_and_says_which(
    destination: Destination,
    grant: Grant,
    world: World,
    clock: MovedClock,
    status: int,
    said: str,
    error: type[NetworkError],
    code: str,
) -> None:
    world.answers[WRITE] = says(status, {"error": said, "message": "words"})
    with pytest.raises(error) as stopped:
        destination.follow(grant, [wanted(BEA, clock=clock)])
    assert isinstance(stopped.value, NetworkError)
    assert stopped.value.code == code


@pytest.mark.parametrize(
    ("state", "error"),
    [("takendown", Flagged), ("suspended", Flagged), ("deactivated", SignedOut)],
)
def test_an_account_stopped_by_its_server_is_told_apart_from_a_lost_session(
    destination: Destination,
    grant: Grant,
    world: World,
    clock: MovedClock,
    state: str,
    error: type[NetworkError],
) -> None:
    world.answers[STATUS] = says(200, {"did": ANNA, "active": False, "status": state})
    for answer in (says(401, {"error": "invalid_token"}), says(400, {"error": "InvalidRequest"})):
        world.answers[WRITE] = world.answers[LIST] = answer
        with pytest.raises(error):
            destination.follow(grant, [wanted(BEA, clock=clock)])
        with pytest.raises(error):
            destination.relationships(grant, [wanted(BEA, clock=clock)])


@pytest.mark.parametrize("answer", [times_out, says(400, {"error": "InvalidRequest"})])
def test_an_account_that_moved_away_is_asked_to_sign_in_again(
    destination: Destination, grant: Grant, world: World, clock: MovedClock, answer: Answer
) -> None:
    world.answers[LIST] = answer
    moved = document(ANNA, handle="anna.example.com", pds="https://new.example.com")
    world.answers[f"{PLC}/{ANNA}"] = says(200, moved)
    with pytest.raises(SignedOut):
        destination.relationships(grant, [wanted(BEA, clock=clock)])


# --- writing ---


def test_each_try_writes_the_same_record(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[WRITE] = does_it
    (record,) = destination.reserve(1)
    destination.follow(grant, [wanted(BEA, record, clock=clock)])
    clock.forward(hours=1)
    destination.follow(grant, [wanted(BEA, record, clock=clock)])
    first, second = (writes_of(request) for request in world.asked_at(WRITE))
    assert first == second
    assert first[0]["rkey"] == record


def test_a_follow_without_a_reserved_record_gets_one(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[WRITE] = does_it
    destination.follow(grant, [wanted(BEA, clock=clock)])
    (write,) = writes_of(world.asked_at(WRITE)[0])
    assert is_record_key(str(write["rkey"]))


def test_the_last_nonce_and_the_token_go_with_the_first_try(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    world.answers[WRITE] = does_it
    destination.follow(grant, [wanted(BEA, clock=clock)])
    (request,) = world.asked_at(WRITE)
    _, claims = proof_of(request)
    assert request.headers["authorization"] == "DPoP access-1"
    assert claims["nonce"] == "from-long-ago"
    assert claims["ath"]


def test_a_nonce_that_changes_in_mid_run_costs_one_request(
    destination: Destination, grant: Grant, world: World, clock: MovedClock
) -> None:
    def strict(request: httpx2.Request) -> httpx2.Response:
        if proof_of(request)[1].get("nonce") == "newest":
            return does_it(request)
        challenge = {"DPoP-Nonce": "newest", "WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}
        return httpx2.Response(401, headers=challenge)

    world.answers[WRITE] = strict
    for _ in range(2):
        destination.follow(grant, [wanted(BEA, clock=clock)])
    assert len(world.asked_at(WRITE)) == 3


@pytest.mark.parametrize(
    ("policy", "left", "remaining"),
    [
        ("5000;w=3600", "3002", 1_000),
        ("35000;w=86400", "3002", 1_000),
        ("3000;w=300", "3002", None),
        ("", "3002", None),
        ("5000;w=3600", "9" * 5_000, 1_000_000),
    ],
)
def test_only_the_points_say_how_many_follows_are_left(
    destination: Destination,
    grant: Grant,
    world: World,
    clock: MovedClock,
    policy: str,
    left: str,
    remaining: int | None,
) -> None:
    resets = str(int((clock.now() + timedelta(minutes=5)).timestamp()))
    headers = {
        "ratelimit-remaining": left,
        "ratelimit-reset": resets,
        "ratelimit-policy": policy,
    }

    def counted(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=does_it(request).json(), headers=headers)

    world.answers[WRITE] = counted
    budget = destination.follow(grant, [wanted(BEA, clock=clock)]).budget
    assert (budget.remaining if budget else None) == remaining
