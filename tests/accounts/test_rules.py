from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import pytest

from openportability.accounts import rules
from openportability.accounts.rules import Meaning
from openportability.domain import (
    Account,
    AccountId,
    Actor,
    ActorId,
    Deed,
    Grant,
    Key,
    NetworkName,
    Proof,
    UserId,
)

ME, OTHER = UserId(1), UserId(2)


def account(user: UserId, proof: Proof = Proof.PROVED, number: int = 1) -> Account:
    actor = Actor(
        network=NetworkName("herd"),
        instance="herd.example",
        id=ActorId("ann"),
        handle="@ann",
        name="Ann",
        seen_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return Account(id=AccountId(number), user=user, actor=actor, key=Key(1), proof=proof)


def grant(token: str, *, can_follow: bool = False, can_avoid: Collection[Deed] = ()) -> Grant:
    return Grant(
        network=NetworkName("herd"),
        instance="herd.example",
        actor_id=ActorId("ann"),
        scopes=frozenset(),
        can_follow=can_follow,
        can_avoid=frozenset(can_avoid),
        secret={"token": token},
    )


MINE, THEIRS = account(ME), account(OTHER)
MY_CLAIM = account(ME, Proof.CLAIMED)


@pytest.mark.parametrize(
    ("began", "user", "holder", "expected"),
    [
        # A visitor comes back as a visitor.
        (None, None, None, Meaning.NEW),
        (None, None, THEIRS, Meaning.BACK),
        # Somebody links another account.
        (ME, ME, None, Meaning.LINKED),
        (ME, ME, MINE, Meaning.OWN),
        (ME, ME, MY_CLAIM, Meaning.OWN),
        (ME, ME, THEIRS, Meaning.TAKEN),
        # Signed out on the way: what is proved signs in, but nobody new is made.
        (ME, None, None, Meaning.ENDED),
        (ME, None, MINE, Meaning.BACK),
        (ME, None, THEIRS, Meaning.BACK),
        # Signed in, or as somebody else, on the way: nothing is linked to who did not ask for it.
        (None, ME, None, Meaning.OVERTAKEN),
        (None, ME, MINE, Meaning.OWN),
        (None, ME, THEIRS, Meaning.OVERTAKEN),
        (OTHER, ME, None, Meaning.OVERTAKEN),
        (OTHER, ME, MINE, Meaning.OWN),
        (OTHER, ME, THEIRS, Meaning.OVERTAKEN),
    ],
)
def test_what_a_proof_means_depends_on_who_asked_who_is_here_and_who_has_it(
    began: UserId | None, user: UserId | None, holder: Account | None, expected: Meaning
) -> None:
    assert rules.meaning(began, user, holder) is expected


def test_the_wider_of_two_grants_stays_and_the_other_is_revoked() -> None:
    wide, narrow = grant("wide", can_follow=True), grant("narrow")
    kept = rules.keep(wide, narrow)
    assert (kept.grant, kept.revoke) == (wide, narrow)
    kept = rules.keep(narrow, wide)
    assert (kept.grant, kept.revoke) == (wide, narrow)


def test_a_right_that_the_other_grant_has_besides_lets_it_stay() -> None:
    follows = grant("follows", can_follow=True)
    blocks = grant("blocks", can_follow=True, can_avoid=[Deed.BLOCK])
    mutes = grant("mutes", can_follow=True, can_avoid=[Deed.MUTE])
    both = grant("both", can_follow=True, can_avoid=[Deed.BLOCK, Deed.MUTE])
    assert rules.keep(blocks, follows).grant == blocks
    assert rules.keep(both, mutes).grant == both
    assert rules.keep(blocks, both).grant == both
    # Of two that each lack something, the one that was just given is what the person wants.
    assert rules.keep(blocks, mutes).grant == mutes


def test_of_two_equal_rights_the_newer_grant_stays() -> None:
    kept = rules.keep(grant("old"), grant("new"))
    assert (kept.grant.secret["token"], kept.revoke) == ("new", grant("old"))


def test_a_token_given_twice_is_not_revoked() -> None:
    assert rules.keep(grant("same"), grant("same")).revoke is None
    assert rules.keep(grant("same", can_follow=True), grant("same")).revoke is None


def test_the_first_grant_revokes_nothing() -> None:
    assert rules.keep(None, grant("first")).revoke is None


def test_the_last_proof_is_the_last_door() -> None:
    proved, second = account(ME, number=1), account(ME, number=2)
    claimed = account(ME, Proof.CLAIMED, number=3)
    assert rules.is_last_proof(proved, [proved])
    assert rules.is_last_proof(proved, [proved, claimed])
    assert not rules.is_last_proof(claimed, [proved, claimed])
    assert not rules.is_last_proof(proved, [proved, second])


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox, Linux",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
            "Chrome, Android",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15",
            "Safari, macOS",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "Safari, iPhone"),
        ("curl/8.0", ""),
        ("", ""),
    ],
)
def test_a_browser_is_called_as_people_call_it(user_agent: str, name: str) -> None:
    assert rules.browser_name(user_agent) == name


def test_the_name_of_a_token_is_one_short_line() -> None:
    assert rules.token_name("  my \n tool ") == "my tool"
    assert len(rules.token_name("x" * 1000)) == 60
