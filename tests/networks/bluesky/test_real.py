"""Signing in, following and taking back at a real PDS, through its own consent pages."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from lab import servers
from openportability.clock import MovedClock
from openportability.domain import (
    ActorId,
    Deed,
    Grant,
    Purpose,
    Tie,
    Wanted,
)
from openportability.errors import (
    Flagged,
    Invalid,
    Refused,
    SignedOut,
    Unavailable,
)
from openportability.network import Answers, Destination, Network, SignIn
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.people import (
    BLOCK,
    Person,
    new_person,
    on_the_way_back,
    planned,
    signed_in,
    ties,
    want,
)
from tests.real import pds


@pytest.fixture
def network(load: Load, atproto: servers.Atproto) -> Network:
    return load(plc=atproto.plc, resolver=atproto.pds[0])


@pytest.fixture
def sign_in(network: Network) -> SignIn:
    assert network.sign_in
    return network.sign_in


@pytest.fixture
def destination(network: Network) -> Destination:
    assert network.destination
    return network.destination


@pytest.fixture
def anna(atproto: servers.Atproto) -> Person:
    return new_person(atproto.pds[0])


@pytest.fixture
def grant(sign_in: SignIn, anna: Person) -> Grant:
    found = signed_in(sign_in, anna).grant
    assert found
    return found


# --- signing in ---


@pytest.mark.parametrize(
    "typed", ["{handle}", "@{HANDLE}", "{did}", "{home}", "https://bsky.app/profile/{did}"]
)
def test_a_person_signs_in_with_whatever_names_them(
    sign_in: SignIn, anna: Person, typed: str
) -> None:
    words = {**vars(anna), "HANDLE": anna.handle.upper()}
    proved = signed_in(sign_in, anna, typed=typed.format(**words), purpose=Purpose.IDENTIFY)
    assert proved.actor.id == anna.did
    assert proved.actor.handle == anna.handle
    assert proved.actor.instance == urlsplit(anna.home).netloc
    assert proved.grant
    assert proved.grant.scopes == {"atproto"}
    assert not proved.grant.can_follow


def test_asking_to_follow_gets_that_right_and_no_other(grant: Grant, clock: MovedClock) -> None:
    assert grant.can_follow
    follow = "repo:app.bsky.graph.follow?action=create&action=delete"
    assert grant.scopes == {"atproto", follow}
    assert grant.expires_at
    assert grant.expires_at > clock.now()


def test_who_refuses_on_the_page_is_not_signed_in(sign_in: SignIn, anna: Person) -> None:
    with pytest.raises(Invalid) as refused:
        signed_in(sign_in, anna, agree=False)
    assert refused.value.code == "auth.denied"


def test_a_handle_that_nobody_has_is_said(sign_in: SignIn, anna: Person) -> None:
    with pytest.raises(Invalid) as refused:
        signed_in(sign_in, anna, typed="nobody-at-all.test")
    assert refused.value.code == "at.handle_unknown"


def test_a_code_works_once(sign_in: SignIn, anna: Person) -> None:
    secret, answer = on_the_way_back(sign_in, anna)
    sign_in.finish(secret=secret, answer=answer)
    with pytest.raises(Invalid) as refused:
        sign_in.finish(secret=secret, answer=answer)
    assert refused.value.code == "auth.expired"


def test_a_clock_that_is_hours_off_does_not_lock_people_out(
    sign_in: SignIn, destination: Destination, anna: Person, clock: MovedClock
) -> None:
    clock.forward(hours=5)
    grant = signed_in(sign_in, anna).grant
    assert grant
    ties(destination.follow(sign_in.refresh(grant), planned(destination, 1)))


# --- keeping and ending a grant ---


def test_a_refreshed_grant_follows_and_the_old_one_is_spent(
    sign_in: SignIn, destination: Destination, grant: Grant
) -> None:
    fresh = sign_in.refresh(grant)
    ties(destination.follow(fresh, planned(destination, 1)))
    with pytest.raises(SignedOut) as lost:
        sign_in.refresh(grant)
    assert lost.value.code == "at.session_lost"


def test_a_revoked_grant_follows_and_mutes_nobody(
    network: Network, sign_in: SignIn, destination: Destination, grant: Grant
) -> None:
    sign_in.revoke(grant)
    sign_in.revoke(grant)
    for make in (destination.follow, network.avoids[Deed.MUTE].make):
        with pytest.raises(SignedOut) as lost:
            make(grant, planned(destination, 1))
        assert lost.value.code == "at.session_lost"


def test_a_grant_to_identify_cannot_follow(
    sign_in: SignIn, destination: Destination, anna: Person
) -> None:
    grant = signed_in(sign_in, anna, purpose=Purpose.IDENTIFY).grant
    assert grant
    with pytest.raises(SignedOut) as missing:
        destination.follow(grant, planned(destination, 1))
    assert missing.value.code == "at.scope_missing"


def test_an_account_taken_down_halts_instead_of_asking_to_sign_in(
    destination: Destination, grant: Grant, anna: Person
) -> None:
    anna.is_taken_down()
    with pytest.raises(Flagged):
        destination.follow(grant, planned(destination, 1))
    with pytest.raises(Flagged):
        destination.relationships(grant, planned(destination, 1))


def test_an_account_that_is_deactivated_asks_to_sign_in_and_says_why(
    destination: Destination, grant: Grant, anna: Person
) -> None:
    anna.is_deactivated()
    for call in (destination.follow, destination.relationships):
        with pytest.raises(SignedOut, match=r"at\.deactivated"):
            call(grant, planned(destination, 1))


# --- following ---


def test_250_follows_are_made_in_two_calls_and_read_back(
    destination: Destination, grant: Grant, anna: Person
) -> None:
    rows = planned(destination, 250)
    made = {
        **ties(destination.follow(grant, rows[:200])),
        **ties(destination.follow(grant, rows[200:])),
    }
    assert sorted(pds.follows(anna.home, anna.did)) == sorted(made)
    for row in rows:
        answer = made[row.actor.id]
        assert answer.tie is Tie.FOLLOWING
        assert re.fullmatch(rf"{row.record} \w+", answer.record or "")
    assert ties(destination.relationships(grant, rows[:200])) == {
        row.actor.id: made[row.actor.id] for row in rows[:200]
    }
    seen: set[str] = set()
    page = destination.following(grant, None)
    while page.cursor:
        seen |= page.actors
        page = destination.following(grant, page.cursor)
    assert seen | page.actors == set(made)


def test_a_follow_whose_answer_was_lost_is_found_and_not_repeated(
    destination: Destination, grant: Grant, anna: Person
) -> None:
    rows = planned(destination, 5)
    made = ties(destination.follow(grant, rows[:3]))
    with pytest.raises(Unavailable):  # all five again, as after a crash: the first keys are used
        destination.follow(grant, rows)
    now = ties(destination.relationships(grant, rows))
    assert {did for did, tie in now.items() if tie.tie is Tie.FOLLOWING} == set(made)
    assert all(now[did] == tie for did, tie in made.items())
    ties(destination.follow(grant, rows[3:]))
    assert sorted(pds.follows(anna.home, anna.did)) == sorted(row.actor.id for row in rows)


def test_a_row_that_would_spoil_its_batch_is_left_out(
    destination: Destination, grant: Grant, anna: Person
) -> None:
    rows = [*planned(destination, 2), want("did:plc:nonsense")]
    answers = destination.follow(grant, rows)
    assert isinstance(answers.of[ActorId("did:plc:nonsense")], Refused)
    assert len(pds.follows(anna.home, anna.did)) == 2


def test_whom_the_person_follows_or_blocks_already_is_seen(
    destination: Destination, grant: Grant, anna: Person
) -> None:
    friend, foe = pds.made_up_did(), pds.made_up_did()
    key = anna.writes_by_hand(friend)
    anna.writes_by_hand(foe, BLOCK)
    now = ties(destination.relationships(grant, [want(friend), want(foe)]))
    assert now[friend].tie is Tie.FOLLOWING
    assert (now[friend].record or "").startswith(f"{key} ")
    assert (now[foe].tie, now[foe].blocked) == (Tie.NONE, True)


# --- taking back ---


def made_by_us(answers: Answers) -> list[Wanted]:
    return [want(did, tie.record) for did, tie in ties(answers).items()]


def test_all_that_we_made_is_taken_back_and_twice_is_as_good_as_once(
    destination: Destination, grant: Grant, anna: Person
) -> None:
    before = pds.made_up_did()
    anna.writes_by_hand(before)
    made = made_by_us(destination.follow(grant, planned(destination, 120)))
    for _ in range(2):
        left = ties(destination.unfollow(grant, made))
        assert {tie.tie for tie in left.values()} == {Tie.NONE}
    assert pds.follows(anna.home, anna.did) == [before]


def test_a_follow_made_again_by_hand_stays(
    destination: Destination, grant: Grant, anna: Person
) -> None:
    made = made_by_us(destination.follow(grant, planned(destination, 2)))
    again = made[0].actor.id
    key = anna.writes_by_hand(again)
    left = ties(destination.unfollow(grant, made))
    assert left[again].tie is Tie.FOLLOWING
    assert (left[again].record or "").startswith(f"{key} ")
    assert pds.follows(anna.home, anna.did) == [again]
    ties(destination.unfollow(grant, made))
    assert pds.follows(anna.home, anna.did) == [again]
