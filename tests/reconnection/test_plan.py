"""What a plan decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from openportability.domain import (
    Account,
    AccountId,
    Actor,
    ActorId,
    Evidence,
    Key,
    Match,
    NetworkName,
    Proof,
    UserId,
)
from openportability.reconnection.ledger import Known
from openportability.reconnection.plan import Mine, Row, Verdict, absent, counts, decide
from openportability.reconnection.rules import State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HERE, THERE = NetworkName("here"), NetworkName("there")
ME = AccountId(1)


def account(number: int, network: NetworkName = HERE) -> Account:
    actor = Actor(
        network=network,
        instance="some.test",
        id=ActorId(f"{network}:{number}"),
        handle=f"person{number}",
        name="",
        seen_at=NOW,
    )
    return Account(
        id=AccountId(number),
        user=UserId(number // 10),
        actor=actor,
        key=Key(number),
        proof=Proof.PROVED,
    )


def match(*accounts: Account, mutual: bool = False) -> Match:
    return Match(
        user=accounts[0].user,
        evidence=Evidence(i_follow=True, they_list_me=False, they_follow=mutual),
        proof=Proof.PROVED,
        since=NOW,
        dismissed=False,
        arrived=False,
        sources=accounts,
        accounts=accounts,
    )


def mine(network: NetworkName = HERE, following: frozenset[ActorId] | None = None) -> Mine:
    return Mine(account=ME, network=network, actor_id=ActorId(f"{network}:1"), following=following)


def known(
    state: State, *, ago: timedelta = timedelta()
) -> dict[tuple[AccountId, AccountId], Known]:
    return {(ME, AccountId(20)): Known(state=state, reason=None, at=NOW - ago)}


def verdicts(rows: list[Row]) -> list[Verdict]:
    return [row.verdict for row in rows]


def test_each_match_is_decided_on_each_network_where_both_are() -> None:
    both = match(account(20), account(21, THERE))
    only_there = match(account(31, THERE))
    rows = decide([both, only_there], [mine(), mine(THERE)], {}, NOW, {})
    assert [(row.network, row.whom) for row in rows] == [(HERE, 20), (THERE, 21), (THERE, 31)]
    assert set(verdicts(rows)) == {Verdict.NEW}


def test_nobody_is_followed_where_they_only_claim_to_be() -> None:
    claimed = replace(account(21, THERE), proof=Proof.CLAIMED)
    rows = decide([match(account(20), claimed)], [mine(), mine(THERE)], {}, NOW, {})
    assert [(row.network, row.whom) for row in rows] == [(HERE, 20)]


def test_nobody_follows_themselves() -> None:
    assert decide([match(account(1))], [mine()], {}, NOW, {}) == []


def test_who_is_followed_already_is_said_to_be() -> None:
    rows = decide(
        [match(account(20))], [mine(following=frozenset({ActorId("here:20")}))], {}, NOW, {}
    )
    assert verdicts(rows) == [Verdict.ALREADY]


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (State.READY, Verdict.WAITING),
        (State.HANDED, Verdict.HANDED),
        (State.REQUESTED, Verdict.PENDING),
        (State.FOLLOWED, Verdict.DONE),
        (State.ALREADY, Verdict.ALREADY),
        (State.UNDOING, Verdict.WAITING),
        (State.REFUSED, Verdict.REFUSED),
        (State.GONE, Verdict.GONE),
        (State.PROPOSED, Verdict.NEW),
        (State.CANCELLED, Verdict.NEW),
        (State.UNDONE, Verdict.NEW),
    ],
)
def test_the_ledger_is_believed(state: State, verdict: Verdict) -> None:
    rows = decide([match(account(20))], [mine()], known(state), NOW, {})
    assert verdicts(rows) == [verdict]


NOBODY: frozenset[ActorId] = frozenset()


@pytest.mark.parametrize("state", [State.FOLLOWED, State.ALREADY])
def test_who_was_unfollowed_by_hand_can_be_followed_again(state: State) -> None:
    ledger = known(state, ago=timedelta(days=1))
    away = decide([match(account(20))], [mine(following=NOBODY)], ledger, NOW, {})
    there = frozenset({ActorId("here:20")})
    assert verdicts(away) == [Verdict.NEW]
    assert verdicts(decide([match(account(20))], [mine(following=there)], ledger, NOW, {})) != [
        Verdict.NEW
    ]


def test_a_list_that_lags_behind_a_follow_is_not_believed() -> None:
    rows = decide([match(account(20))], [mine(following=NOBODY)], known(State.FOLLOWED), NOW, {})
    assert verdicts(rows) == [Verdict.DONE]


def test_who_was_gone_and_signed_in_since_can_be_followed() -> None:
    rows = decide([match(account(20))], [mine()], known(State.GONE, ago=timedelta(days=1)), NOW, {})
    assert verdicts(rows) == [Verdict.NEW]


def test_mutuals_rank_first() -> None:
    one, other = decide(
        [match(account(20)), match(account(30), mutual=True)], [mine()], {}, NOW, {}
    )
    assert other.rank < one.rank


def test_decisions_are_counted_by_network() -> None:
    rows = decide([match(account(20), account(21, THERE))], [mine(), mine(THERE)], {}, NOW, {})
    assert counts(rows) == {HERE: {Verdict.NEW: 1}, THERE: {Verdict.NEW: 1}}


def test_who_is_not_there_and_has_no_copy_there_is_counted() -> None:
    bob, carol, dave = account(20), account(30, THERE), account(40, THERE)
    copied = {(dave.user, HERE): [account(41)]}
    found = absent([match(bob), match(carol), match(dave)], [mine(), mine(THERE)], copied)
    assert found == {HERE: 1, THERE: 1}
    assert absent([match(bob)], [mine()], {}) == {}
