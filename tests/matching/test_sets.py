"""Match sets as rows and bytes."""

from __future__ import annotations

import numpy as np
import pytest

from openportability.accounts.people import Listed
from openportability.domain import AccountId, Found, Key, NetworkName, Proof, UserId
from openportability.matching.people import People
from openportability.matching.rules import FROM_MINE, FROM_THEIRS, Bit
from openportability.matching.sets import MatchSet, Met

NOW = 1_700_000_000


def person(user: int, *accounts: int, found: Found = Found.ANYONE) -> list[Listed]:
    return [
        Listed(
            account=AccountId(account),
            user=UserId(user),
            network=NetworkName("old"),
            key=Key(account),
            proof=Proof.PROVED,
            found=found,
            seq=1,
        )
        for account in accounts
    ]


def say(
    rows: MatchSet, lines: list[Listed], *bits: Bit, by_them: bool = False, at: int = NOW
) -> None:
    said = np.array(bits, np.uint8)
    rows.say(People.of(lines), said, instead_of=FROM_MINE, by_them=by_them, now_seconds=at)


def test_rows_come_back_from_their_bytes_in_the_order_of_accounts() -> None:
    rows = MatchSet()
    say(rows, person(2, 30, 10), Bit.I_FOLLOW, Bit.MY_FOLLOWER)
    say(rows, person(1, 20), Bit.I_FOLLOW, by_them=True)
    back = MatchSet.unpacked(*rows.packed())
    assert [met.account for met in back] == [10, 20, 30]
    assert list(back) == list(rows)
    assert sum(len(part) for part in rows.packed()) == 2 + 14 * len(rows)


def test_whom_nobody_shows_me_stands_apart() -> None:
    rows = MatchSet()
    hidden = person(3, 7, 40, found=Found.NOBODY)
    for lines in (person(1, 5), hidden, person(2, 6)):
        say(rows, lines, *[Bit.I_FOLLOW] * len(lines))
        rows.answer(People.of(lines), np.full(len(lines), 2), 0 if lines is not hidden else 9)
    seen, _ = rows.packed()
    assert [met.account for met in MatchSet.unpacked(seen)] == [5, 6]
    assert [met.account for met in MatchSet.unpacked(*rows.packed())] == [5, 6, 7, 40]
    again = person(3, 7, 40)
    say(rows, again, Bit.I_FOLLOW, Bit.NONE)
    rows.answer(People.of(again), np.full(2, 2), 0)
    assert [met.account for met in MatchSet.unpacked(rows.packed()[0])] == [5, 6, 7, 40]


def test_who_waits_for_an_answer_stands_apart() -> None:
    rows = MatchSet()
    say(rows, person(1, 5), Bit.I_FOLLOW)
    rows.answer(People.of(person(1, 5)), np.full(1, 2), 2)
    assert rows.waits
    assert len(MatchSet.unpacked(rows.packed()[0])) == 0


def test_rows_of_an_unknown_form_are_refused() -> None:
    for packed in (b"", b"\x02", b"\x00\x00"):
        with pytest.raises(ValueError, match="unknown version"):
            MatchSet.unpacked(packed)


def test_what_mine_say_leaves_what_theirs_say() -> None:
    rows = MatchSet()
    them = person(1, 5)
    theirs = np.array([Bit.THEY_LIST_ME], np.uint8)
    rows.say(People.of(them), theirs, instead_of=FROM_THEIRS, by_them=True, now_seconds=NOW)
    say(rows, them, Bit.I_FOLLOW)
    assert [met.bits for met in rows] == [Bit.I_FOLLOW | Bit.THEY_LIST_ME]
    say(rows, them, Bit.NONE)
    assert [met.bits for met in rows] == [Bit.THEY_LIST_ME]


def test_somebody_of_whom_nothing_is_said_any_more_leaves_no_row() -> None:
    rows = MatchSet()
    them = person(1, 5, 6)
    say(rows, them, Bit.I_FOLLOW, Bit.NONE)
    assert len(rows) == 2  # the other place, too, was offered
    say(rows, them, Bit.NONE, Bit.NONE)
    assert len(rows) == 0


def test_who_may_not_be_found_has_rows_of_evidence_only() -> None:
    rows = MatchSet()
    say(rows, person(1, 5, 6, found=Found.NOBODY), Bit.I_FOLLOW, Bit.NONE)
    assert list(rows) == [
        Met(
            account=AccountId(5),
            bits=Bit.I_FOLLOW,
            since_seconds=NOW,
            dismissed=False,
            arrived=False,
            answered=False,
        )
    ]


def test_since_is_kept_while_somebody_stays_and_is_new_when_they_come_back() -> None:
    rows = MatchSet()
    say(rows, person(1, 5), Bit.I_FOLLOW)
    say(rows, person(1, 5), Bit.I_FOLLOW, at=NOW + 10)
    assert [(met.since_seconds, met.arrived) for met in rows] == [(NOW, False)]
    say(rows, person(1, 5, found=Found.NOBODY), Bit.I_FOLLOW, by_them=True, at=NOW + 20)
    say(rows, person(1, 5), Bit.I_FOLLOW, by_them=True, at=NOW + 30)
    assert [(met.since_seconds, met.arrived) for met in rows] == [(NOW + 30, True)]


def test_dismissing_needs_a_row_and_keeps_it() -> None:
    rows = MatchSet()
    rows.dismiss(np.array([5], np.uint64), dismissed=True)
    assert len(rows) == 0
    say(rows, person(1, 5), Bit.I_FOLLOW)
    rows.dismiss(np.array([5], np.uint64), dismissed=True)
    say(rows, person(1, 5), Bit.NONE)
    assert [met.dismissed for met in rows] == [True]
    rows.dismiss(np.array([5], np.uint64), dismissed=False)
    assert len(rows) == 0


def test_what_is_owed_stays_until_it_is_said() -> None:
    rows = MatchSet()
    say(rows, person(1, 5, found=Found.NOBODY), Bit.MY_FOLLOWER)
    rows.owe(People.of(person(1, 5)), np.zeros(1, np.uint8))
    assert [met.bits for met in rows] == [Bit.NONE]
    say(rows, person(1, 5), Bit.NONE)
    assert len(rows) == 0


def test_accounts_that_are_gone_are_dropped() -> None:
    rows = MatchSet()
    say(rows, person(1, 5, 6), Bit.I_FOLLOW, Bit.I_FOLLOW)
    rows.drop(np.array([5, 99], np.uint64))
    assert rows.accounts().tolist() == [6]


def test_nobody_says_nothing() -> None:
    rows = MatchSet()
    say(rows, [])
    assert len(rows) == 0
