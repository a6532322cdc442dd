"""A pass that several processes share finds what one alone finds, whatever becomes of them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import follow_lists
from openportability.domain import Account, Kind, NetworkName
from openportability.graph import crew, shared_pass
from openportability.graph import store as lists
from openportability.graph.crew import Crew
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD

ASKED = {OLD: np.array([3, 5, 9], np.uint64), NEW: np.array([8], np.uint64)}


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock)


@pytest.fixture(scope="module")
def others() -> Crew:
    return Crew()


@pytest.fixture
def people(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[Account]:
    """Some people with lists; two processes share each pass over these."""
    monkeypatch.setattr(shared_pass, "_WORTH_LISTS", 1)
    monkeypatch.setattr(crew, "cores", lambda: 2)
    joined = [cast.join(site, OLD, number) for number in range(1, 6)]
    for account in joined:
        number = int(account.actor.id)
        cast.bring(site, account.user, OLD, following=range(number + 1), followers=[9])
    return joined


def found(site: Site, others: Crew, since: int = 0) -> list[tuple[NetworkName, int, int]]:
    every = shared_pass.hits(site.db, site.vault, others, ASKED, since=since)
    return sorted(
        (some.network, int(ASKED[some.network][place]), int(owner))
        for some in every
        for place, owner in zip(some.places, some.owners, strict=True)
    )


def expected(people: list[Account]) -> list[tuple[NetworkName, int, int]]:
    hold = [(9, one.user) for one in people] + [
        (key, one.user) for one in people for key in (3, 5) if int(one.actor.id) >= key
    ]
    return sorted((OLD, key, int(user)) for key, user in hold)


def test_processes_find_what_one_finds_and_serve_again(
    site: Site, people: list[Account], others: Crew
) -> None:
    assert found(site, others) == expected(people)
    cast.bring(site, people[0].user, OLD, following=[5])
    assert (OLD, 5, int(people[0].user)) in found(site, others)


def test_what_came_before_is_not_asked(site: Site, people: list[Account], others: Crew) -> None:
    with site.db.read() as tx:
        before = lists.newest_seq(tx)
    assert found(site, others, since=before) == []


def test_what_a_killed_process_does_not_bring_is_found_all_the_same(
    site: Site, people: list[Account], others: Crew
) -> None:
    found(site, others)
    for one in others._mates:
        one._process.kill()
    assert found(site, others) == expected(people)
    assert others._mates == []
    assert found(site, others) == expected(people)


def test_where_no_process_can_begin_all_is_found_here(
    site: Site, people: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/there/is/no/such/program")
    assert found(site, Crew()) == expected(people)


def test_a_damaged_list_is_told_of_by_who_asked(
    site: Site, people: list[Account], others: Crew, caplog: pytest.LogCaptureFixture
) -> None:
    broken = people[0]
    with site.db.write() as tx:
        key = accounts.personal_key(tx, site.vault, broken.user)
        for kind in (Kind.FOLLOWING, Kind.FOLLOWERS):
            sealed = key.seal(b"\x02 of the future", lists.place(broken.id, kind))
            of = follow_lists.c.account_id == broken.id, follow_lists.c.kind == kind
            tx.execute(follow_lists.update().where(*of).values(sealed=sealed))
    assert found(site, others) == expected(people[1:])
    assert [record.message for record in caplog.records] == ["list_unreadable"] * 2


def test_a_process_ends_with_whoever_began_it() -> None:
    """It is told to end by the end of its input, which the system closes for the killed as well."""
    command = [sys.executable, "-m", crew.__name__]
    subprocess.run(command, stdin=subprocess.DEVNULL, timeout=60, check=True)
