"""What answers and errors mean for a row and for a lane."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from openportability.domain import ActorId, Relationship, Tie
from openportability.errors import (
    Flagged,
    Gone,
    NetworkError,
    Refused,
    SignedOut,
    Throttled,
    Unavailable,
)
from openportability.reconnection import rules
from openportability.reconnection.rules import (
    HELD,
    MOST_ATTEMPTS,
    NEXT,
    SETTLES,
    Decision,
    LaneState,
    State,
)

S = State
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(hours=3)
ERRORS: list[NetworkError] = [
    Throttled(SOON),
    Throttled(),
    Throttled(NOW - timedelta(days=1)),
    Unavailable(),
    SignedOut(),
    Flagged(),
    Refused(),
    Gone(),
    Gone(moved_to="new"),
]
FOUND = [
    Relationship(tie=tie, record=record, blocked=blocked, moved_to=moved_to)
    for tie, record, blocked, moved_to in product(
        Tie, (None, "key digest", "other digest"), (False, True), (None, ActorId("new"))
    )
]


def seen(
    found: Relationship,
    *,
    asked_at: datetime | None = None,
    record: str | None = None,
    attempts: int = 0,
    wanted: bool = True,
) -> Decision | None:
    return rules.seen(
        found, asked_at=asked_at, record=record, attempts=attempts, wanted=wanted, now=NOW
    )


# --- the table --------------------------------------------------------------------------------


def test_what_is_not_in_the_table_is_a_mistake() -> None:
    assert rules.moved(S.READY, S.FOLLOWED) is S.FOLLOWED
    with pytest.raises(ValueError, match="no way from undone to followed"):
        rules.moved(S.UNDONE, S.FOLLOWED)


def test_a_follow_that_was_sent_never_becomes_ready_but_by_the_person() -> None:
    assert {before for before, after in NEXT.items() if S.READY in after} == {
        *(S.READY, S.PROPOSED),
        *(S.REFUSED, S.UNDONE, S.CANCELLED),
        *(S.FOLLOWED, S.ALREADY, S.GONE, S.HANDED),
    }


@pytest.mark.parametrize("attempts", [0, 3, MOST_ATTEMPTS])
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_every_error_leads_along_the_table(error: NetworkError, attempts: int) -> None:
    for decide, before in (
        (rules.imported, S.HANDED),
        (rules.after, S.READY),
        (rules.unseen, S.READY),
        (rules.unlooked, S.REQUESTED),
        (rules.after_undo, S.UNDOING),
    ):
        decision = decide(error, attempts=attempts, now=NOW)
        assert decision.state in NEXT[before]
        if decision.state is before:
            assert decision.due is not None
            assert decision.due >= NOW


@pytest.mark.parametrize("found", FOUND, ids=repr)
def test_every_look_leads_along_the_table(found: Relationship) -> None:
    for asked_at, record, attempts, wanted in product(
        (None, NOW, NOW - timedelta(days=1)), (None, "key"), (0, MOST_ATTEMPTS), (True, False)
    ):
        decision = seen(found, asked_at=asked_at, record=record, attempts=attempts, wanted=wanted)
        assert decision is None or decision.state in NEXT[S.READY]
        assert decision is not None or wanted, "what is not wanted is never sent"
    assert rules.followed(found, attempts=0, now=NOW).state in NEXT[S.READY]
    assert rules.looked(found, shown=True, attempts=0, now=NOW).state in NEXT[S.REQUESTED]
    assert rules.imported(found, attempts=0, now=NOW).state in NEXT[S.HANDED]
    assert rules.undone(found).state in NEXT[S.UNDOING]


# --- looking before a follow ------------------------------------------------------------------


def test_nothing_there_is_to_be_made() -> None:
    assert seen(Relationship(tie=Tie.NONE)) is None


def test_what_was_there_before_we_asked_is_not_ours() -> None:
    assert seen(Relationship(tie=Tie.FOLLOWING)) == Decision(state=S.ALREADY)
    assert seen(Relationship(tie=Tie.REQUESTED)) == Decision(state=S.ALREADY, reason="net.pending")


def test_what_is_there_since_we_asked_is_ours() -> None:
    found = seen(Relationship(tie=Tie.FOLLOWING, record="7"), asked_at=NOW)
    assert found == Decision(state=S.FOLLOWED, record="7")
    waits = seen(Relationship(tie=Tie.REQUESTED), asked_at=NOW)
    assert waits is not None
    assert (waits.state, waits.shown) == (S.REQUESTED, True)


@pytest.mark.parametrize(
    ("record", "state"),
    [("key digest", S.FOLLOWED), ("other digest", S.ALREADY), (None, S.ALREADY), ("", S.ALREADY)],
)
def test_where_follows_have_records_only_our_record_is_ours(
    record: str | None, state: State
) -> None:
    found = seen(Relationship(tie=Tie.FOLLOWING, record=record), asked_at=NOW, record="key")
    assert found is not None
    assert found.state is state


def test_a_follow_of_ours_stays_known_though_the_other_moved_or_blocks() -> None:
    for found in FOUND:
        if found.tie is Tie.FOLLOWING:
            decision = seen(found, asked_at=NOW)
            assert decision is not None
            assert decision.state is S.FOLLOWED


def test_a_declared_successor_is_next_and_circles_end() -> None:
    moved = Relationship(tie=Tie.NONE, moved_to=ActorId("new"))
    on = seen(moved, asked_at=NOW)
    assert on is not None
    assert (on.state, on.moved_to, on.unsent) == (S.READY, "new", True)
    end = seen(moved, attempts=MOST_ATTEMPTS)
    assert end is not None
    assert end.state is S.GONE


def test_a_block_is_refused() -> None:
    assert seen(Relationship(tie=Tie.NONE, blocked=True)) == Decision(
        state=S.REFUSED, reason="net.blocked", unsent=True
    )


def test_a_follow_that_never_succeeds_is_given_up_only_when_it_is_not_there() -> None:
    given_up = seen(Relationship(tie=Tie.NONE), asked_at=NOW, attempts=MOST_ATTEMPTS)
    assert given_up is not None
    assert given_up.state is S.REFUSED


def test_not_there_counts_only_once_the_last_call_can_no_longer_arrive() -> None:
    nothing = Relationship(tie=Tie.NONE)
    waits = seen(nothing, asked_at=NOW - timedelta(seconds=5), wanted=False)
    assert waits is not None
    assert (waits.state, waits.due) == (S.READY, NOW - timedelta(seconds=5) + SETTLES)
    for asked_at in (None, NOW - SETTLES):
        ended = seen(nothing, asked_at=asked_at, wanted=False)
        assert ended is not None
        assert ended.state is S.CANCELLED


# --- answers to a follow ----------------------------------------------------------------------


def test_neither_following_nor_requested_is_looked_at_again() -> None:
    answer = rules.followed(Relationship(tie=Tie.NONE), attempts=0, now=NOW)
    assert (answer.state, answer.shown) == (S.REQUESTED, False)
    assert answer.due is not None
    assert answer.due > NOW


def test_an_answer_may_name_a_successor() -> None:
    moved = Relationship(tie=Tie.NONE, moved_to=ActorId("new"))
    assert rules.followed(moved, attempts=0, now=NOW).moved_to == "new"


def test_only_an_unknown_outcome_leaves_something_to_be_found() -> None:
    for error in ERRORS:
        decision = rules.after(error, attempts=0, now=NOW)
        assert decision.unsent is not isinstance(error, Unavailable)


def test_an_unknown_outcome_is_never_given_up_without_a_look() -> None:
    assert rules.after(Unavailable(), attempts=MOST_ATTEMPTS * 2, now=NOW).state is S.READY


def test_waiting_for_the_network_is_no_attempt() -> None:
    for error in (Throttled(), SignedOut(), Flagged()):
        assert not rules.after(error, attempts=0, now=NOW).counts


@pytest.mark.parametrize("held", HELD)
def test_what_is_held_stays_held_until_the_outcome_is_known(held: str) -> None:
    unknown = rules.after(Unavailable(), attempts=0, now=NOW)
    assert rules.heeded(unknown, held).reason == held
    surely_not = rules.after(Throttled(), attempts=0, now=NOW)
    assert rules.heeded(surely_not, held).state is S.CANCELLED
    made = Decision(state=S.FOLLOWED)
    assert rules.heeded(made, held) is made


def test_what_is_not_held_goes_its_way() -> None:
    unknown = rules.after(Unavailable(), attempts=0, now=NOW)
    assert rules.heeded(unknown, None) is unknown


def test_a_look_that_fails_leaves_what_was_asked_before_as_it_was() -> None:
    for error in ERRORS:
        decision = rules.unseen(error, attempts=0, now=NOW)
        assert decision.unsent is (decision.moved_to is not None)


# --- a request that waits ---------------------------------------------------------------------


def test_a_request_is_looked_at_after_minutes_hours_a_day_then_weekly() -> None:
    dues = [
        rules.looked(Relationship(tie=Tie.REQUESTED), shown=True, attempts=n, now=NOW).due
        for n in range(7)
    ]
    waits = [due - NOW for due in dues if due]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(minutes=5), timedelta(days=7))


def test_an_accepted_request_is_a_follow() -> None:
    answer = rules.looked(
        Relationship(tie=Tie.FOLLOWING, record="7"), shown=True, attempts=0, now=NOW
    )
    assert answer == Decision(state=S.FOLLOWED, record="7")


def test_a_request_that_vanished_is_turned_down() -> None:
    answer = rules.looked(Relationship(tie=Tie.NONE), shown=True, attempts=0, now=NOW)
    assert (answer.state, answer.reason) == (S.REFUSED, "net.rejected")


def test_a_network_that_never_shows_requests_gets_more_than_a_week() -> None:
    now, attempts = NOW, 0
    while True:
        answer = rules.looked(Relationship(tie=Tie.NONE), shown=False, attempts=attempts, now=now)
        if answer.state is S.REFUSED:
            break
        assert answer.due is not None
        now, attempts = answer.due, attempts + 1
    assert now - NOW > timedelta(days=7)


def test_a_request_is_never_sent_again_whatever_a_look_brings() -> None:
    for error in ERRORS:
        assert rules.unlooked(error, attempts=0, now=NOW).state is not S.READY


# --- undo -------------------------------------------------------------------------------------


def test_a_follow_made_again_by_hand_is_kept_and_said_so() -> None:
    assert rules.undone(Relationship(tie=Tie.FOLLOWING)).reason == "undo.kept"
    assert rules.undone(Relationship(tie=Tie.NONE)).reason is None


def test_a_follow_that_leads_nowhere_is_undone() -> None:
    assert rules.after_undo(Gone(), attempts=0, now=NOW).state is S.UNDONE


def test_an_undo_is_tried_again_and_at_last_given_up() -> None:
    assert rules.after_undo(Unavailable(), attempts=0, now=NOW).state is S.UNDOING
    assert rules.after_undo(Unavailable(), attempts=MOST_ATTEMPTS, now=NOW).state is S.FOLLOWED
    assert rules.after_undo(Refused(), attempts=0, now=NOW).state is S.FOLLOWED


# --- lanes and waits --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SignedOut(), LaneState.SIGNED_OUT),
        (Flagged(), LaneState.HALTED),
        (Throttled(SOON), LaneState.OPEN),
        (Unavailable(), LaneState.OPEN),
        (Refused(), LaneState.OPEN),
    ],
)
def test_an_error_of_the_whole_lane(error: NetworkError, state: LaneState) -> None:
    halted = rules.halt(error, failures=0, now=NOW)
    assert (halted.state, halted.reason) == (state, error.code)
    assert (halted.next_at is None) is (state is not LaneState.OPEN)


def test_a_lane_waits_as_long_as_it_was_told() -> None:
    assert rules.halt(Throttled(SOON), failures=9, now=NOW).next_at == SOON


def test_a_time_in_the_past_says_nothing() -> None:
    past = NOW - timedelta(days=400)
    assert rules.wait(past, 0, NOW) == rules.wait(None, 0, NOW) == NOW + timedelta(minutes=5)
    assert rules.wait(None, 99, NOW) == NOW + timedelta(hours=1)


def test_a_server_that_stays_away_is_asked_later_and_later_for_about_a_week() -> None:
    waits = [rules.backoff(n) for n in range(MOST_ATTEMPTS)]
    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=2)
    assert timedelta(days=6) < sum(waits, timedelta()) < timedelta(days=9)
    assert rules.halt(Unavailable(), failures=99, now=NOW).next_at == NOW + timedelta(hours=1)
