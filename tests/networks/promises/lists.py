"""Reading the lists of one's own account."""

from __future__ import annotations

import pytest

from openportability.domain import Grant, Kind
from openportability.errors import Invalid, SignedOut
from openportability.network import OwnLists
from tests.networks.promises.promise import grant_of, promise
from tests.networks.subject import Can, Subject


def _lists_of(subject: Subject) -> OwnLists:
    assert subject.network.source
    assert subject.network.source.lists
    return subject.network.source.lists


def _all(subject: Subject, grant: Grant, kind: Kind) -> set[str]:
    found: set[str] = set()
    cursor = None
    while True:
        page = _lists_of(subject).page(grant, kind, cursor)
        found |= page.actors
        cursor = page.cursor
        if cursor is None:
            return found


@promise(Can.LISTS)
def its_own_lists_hold_whom_one_follows(subject: Subject) -> None:
    lists, who, other = _lists_of(subject), subject.person(), subject.person()
    grant = grant_of(subject, who)
    subject.follow_by_hand(who, other)
    subject.settle()
    assert Kind.FOLLOWING in lists.kinds
    assert _all(subject, grant, Kind.FOLLOWING) == {other.id}
    for kind in {Kind.BLOCKED, Kind.MUTED} & set(lists.kinds):
        assert _all(subject, grant, kind) == set()


@promise(Can.LISTS, Can.FOLLOWERS)
def its_own_lists_hold_who_follows(subject: Subject) -> None:
    who, fan = subject.person(), subject.person()
    grant = grant_of(subject, who)
    subject.follow_by_hand(fan, who)
    subject.settle()
    assert Kind.FOLLOWERS in _lists_of(subject).kinds
    assert _all(subject, grant, Kind.FOLLOWERS) == {fan.id}


@promise(Can.LISTS, Can.PAGES)
def its_own_lists_come_in_pages_and_end(subject: Subject) -> None:
    who = subject.person()
    grant = grant_of(subject, who)
    expected = subject.fill_pages(who)
    subject.settle()
    assert _all(subject, grant, Kind.FOLLOWING) == expected


@promise(Can.LISTS, Can.WITHDRAW)
def its_own_lists_need_a_living_grant(subject: Subject) -> None:
    grant = grant_of(subject, subject.person())
    subject.withdraw(grant)
    with pytest.raises(SignedOut):
        _lists_of(subject).page(grant, Kind.FOLLOWING, None)


@promise()
def its_exported_files_name_people_without_asking(subject: Subject) -> None:
    files = subject.network.source.files if subject.network.source else None
    if files is None:
        return
    who = subject.person()
    assert {each.kind for each in files.files if not each.opt_in} == {Kind.FOLLOWING}
    for written in (who.handle, f"@{who.handle}", who.handle.partition("@")[0]):
        assert files.name(written, who.handle).handle == who.handle
    assert files.name(who.handle, who.handle).usual_id
    for nonsense in ("", "@", "a b@c", files.handle_column, "x" * 5000):
        with pytest.raises(Invalid):
            files.name(nonsense, who.handle)
