from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from openportability.clock import MovedClock
from openportability.domain import Purpose
from openportability.errors import (
    Invalid,
    Misconfigured,
    NetworkError,
    Refused,
    Throttled,
    Unavailable,
)
from openportability.network import Begun, Network, Proved, SignIn
from tests.networks.stand_in import Said, transport
from tests.networks.subject import a_door, load
from tests.networks.x.stub import XStub

REDIRECT = "https://openportability.example/auth/x/callback"
FORBIDDEN = "https://api.x.com/2/problems/client-forbidden"
CAPPED = "https://api.twitter.com/2/problems/usage-capped"


@dataclass(kw_only=True)
class Desk:
    stub: XStub
    network: Network
    clock: MovedClock

    @property
    def sign_in(self) -> SignIn:
        assert self.network.sign_in
        return self.network.sign_in

    def begin(self) -> Begun:
        return self.sign_in.begin(
            typed="", purpose=Purpose.IDENTIFY, redirect_uri=REDIRECT, state="s", language="en"
        )

    def proved(self) -> Proved:
        begun = self.begin()
        return self.sign_in.finish(secret=begun.secret, answer=self.stub.consent(begun.url))


@pytest.fixture
def desk(clock: MovedClock) -> Iterator[Desk]:
    stub = XStub(clock=clock, redirect_uri=REDIRECT)
    door = a_door(clock, allow_loopback=False, transport=transport({"api.x.com": stub}))
    options = {"CLIENT_ID": stub.client_id, "CLIENT_SECRET": stub.client_secret}
    network = load("x", clock=clock, door=door, development=False, options=options)
    yield Desk(stub=stub, network=network, clock=clock)
    door.close()


def test_without_a_client_id_there_is_the_archive_and_no_sign_in(clock: MovedClock) -> None:
    network = load("x", clock=clock)
    assert network.sign_in is None
    assert network.source
    assert network.destination is None
    assert network.numeric_ids


def test_a_sign_in_gives_the_number_and_the_handle_and_leaves_no_token(desk: Desk) -> None:
    proved = desk.proved()
    assert proved.actor.id == "1234567890123456789"
    assert proved.actor.handle == proved.actor.name == "alice_x"
    assert proved.actor.instance == "x.com"
    assert proved.grant is None
    assert desk.stub.tokens == {}


def test_the_browser_goes_to_x_and_asks_for_the_least(desk: Desk) -> None:
    url = urlsplit(desk.begin().url)
    query = parse_qs(url.query)
    assert (url.netloc, url.path) == ("x.com", "/i/oauth2/authorize")
    assert query["scope"] == ["users.read tweet.read"]
    assert query["code_challenge_method"] == ["S256"]


def test_a_sign_in_asks_three_questions_and_the_billed_one_once(desk: Desk) -> None:
    desk.proved()
    assert [one for one in desk.stub.asked if "authorize" not in one] == [
        "POST /2/oauth2/token",
        "GET /2/users/me",
        "POST /2/oauth2/revoke",
    ]


@pytest.mark.parametrize(
    ("answer", "code"), [({"error": "access_denied"}, "auth.denied"), ({}, "x.empty")]
)
def test_a_callback_without_a_code_is_put_into_words(
    desk: Desk, answer: dict[str, str], code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        desk.sign_in.finish(secret=desk.begin().secret, answer=answer)
    assert refused.value.code == code


def test_a_late_code_is_expired(desk: Desk) -> None:
    begun = desk.begin()
    answer = desk.stub.consent(begun.url)
    desk.clock.forward(seconds=31)
    with pytest.raises(Invalid, match=r"auth\.expired"):
        desk.sign_in.finish(secret=begun.secret, answer=answer)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (Said(status=403, body={"type": FORBIDDEN}), "x.paused"),
        (Said(status=402, body={}), "x.paused"),
        (Said(status=401, body={"error": "invalid_client"}), "x.paused"),
        (Said(status=401, body={}), "x.refused"),
        (Said(status=403, body={"title": "Forbidden", "type": "about:blank"}), "x.refused"),
        (Said(status=403, body="<h1>no</h1>"), "x.refused"),
        (Said(status=429, body={"type": CAPPED}), "x.paused"),
        (Said(status=429, body="<h1>busy</h1>"), "x.throttled"),
        (Said(body={"errors": [{"title": "odd"}]}), "net.unavailable"),
        (Said(body={"data": {"id": 1234, "username": "alice_x"}}), "net.unavailable"),
        (Said(body={"data": {"id": "0", "username": "alice_x"}}), "net.unavailable"),
        (Said(body={"data": {"id": str(2**64), "username": "alice_x"}}), "net.unavailable"),
        (Said(body={"data": {"id": "12", "username": "<b>"}}), "net.unavailable"),
        (Said(body=[]), "net.unavailable"),
    ],
)
def test_what_x_answers_instead_of_a_person_is_told_and_the_token_ended(
    desk: Desk, said: Said, code: str
) -> None:
    desk.stub.fail("/2/users/me", said)
    with pytest.raises(NetworkError) as refused:
        desk.proved()
    assert refused.value.code == code
    assert desk.stub.tokens == {}


def test_a_pause_is_said_before_the_browser_goes_and_ends_by_itself(desk: Desk) -> None:
    desk.stub.fail("/2/users/me", Said(status=403, body={"type": FORBIDDEN}))
    with pytest.raises(Unavailable):
        desk.proved()
    with pytest.raises(Unavailable, match=r"x\.paused"):
        desk.begin()
    desk.clock.forward(minutes=61)
    assert desk.proved().actor.handle == "alice_x"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("path", ["/2/oauth2/token", "/2/users/me"])
def test_who_is_refused_by_x_keeps_nobody_else_out(desk: Desk, path: str, status: int) -> None:
    desk.stub.fail(path, Said(status=status, body={"type": "about:blank"}))
    with pytest.raises(Refused, match=r"x\.refused"):
        desk.proved()
    assert desk.proved().actor.handle == "alice_x"


def test_a_wrong_key_of_ours_pauses(desk: Desk) -> None:
    desk.stub.client_secret = "another"
    with pytest.raises(Unavailable, match=r"x\.paused"):
        desk.proved()


def test_a_limit_says_until_when(desk: Desk) -> None:
    until = desk.clock.now() + timedelta(minutes=15)
    reset = {"x-rate-limit-reset": str(int(until.timestamp()))}
    desk.stub.fail("/2/users/me", Said(status=429, body={}, headers=reset))
    with pytest.raises(Throttled) as waiting:
        desk.proved()
    assert waiting.value.until
    assert abs(waiting.value.until - until) < timedelta(seconds=2)


def test_trouble_at_x_is_asked_once_more(desk: Desk) -> None:
    desk.stub.fail("/2/users/me", Said(status=503, body=""))
    assert desk.proved().actor.handle == "alice_x"
    desk.stub.fail("/2/users/me", *[Said(status=503, body="")] * 2)
    with pytest.raises(Unavailable):
        desk.proved()


def test_a_revocation_that_fails_does_not_undo_the_proof(desk: Desk) -> None:
    desk.stub.fail("/2/oauth2/revoke", Said(status=500, body=""))
    assert desk.proved().actor.handle == "alice_x"


def test_above_the_ceiling_of_the_day_nobody_is_sent_to_x_and_nothing_is_billed(
    clock: MovedClock,
) -> None:
    stub = XStub(clock=clock, redirect_uri=REDIRECT)
    door = a_door(clock, allow_loopback=False, transport=transport({"api.x.com": stub}))
    options = {
        "CLIENT_ID": stub.client_id,
        "CLIENT_SECRET": stub.client_secret,
        "LOOKS_A_DAY": "2",
    }
    network = load("x", clock=clock, door=door, development=False, options=options)
    desk = Desk(stub=stub, network=network, clock=clock)
    begun = desk.begin()
    late = desk.stub.consent(begun.url)
    for _ in range(2):
        desk.proved()
    with pytest.raises(Throttled, match=r"x\.ceiling") as waiting:
        desk.begin()
    assert waiting.value.until
    assert waiting.value.until.date() == clock.now().date() + timedelta(days=1)
    # Who was on the way when the last look was taken is told the same, and their token is ended.
    with pytest.raises(Throttled, match=r"x\.ceiling"):
        desk.sign_in.finish(secret=begun.secret, answer=late)
    assert desk.stub.asked.count("GET /2/users/me") == 2
    assert desk.stub.tokens == {}
    clock.forward(days=1)
    assert desk.proved().actor.handle == "alice_x"
    door.close()


@pytest.mark.parametrize("text", ["many", "-1", "nan"])
def test_a_ceiling_that_is_no_number_stops_the_start(text: str) -> None:
    with pytest.raises(Misconfigured, match="OPENPORTABILITY_X_LOOKS_A_DAY"):
        load("x", options={"CLIENT_ID": "id", "LOOKS_A_DAY": text})
