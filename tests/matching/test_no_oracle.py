"""A hundred accounts with forged lists of everybody learn the allowed number of people, and of the others nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select

from openportability.circle import view
from openportability.circle.view import Page, Show
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import match_sets
from openportability.domain import Found, UserId
from openportability.matching import store
from openportability.matching.seen import Filter
from openportability.matching.sets import MatchSet
from openportability.privacy import service as privacy
from openportability.site import Site
from tests import cast
from tests.cast import OLD

ATTACKERS = range(10_001, 10_101)
A_DAY = 3
OPEN, CONFIRMED, HIDDEN, LEFT = range(1, 21), range(21, 26), range(26, 31), range(31, 36)
ABSENT = range(36, 41)


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    site = cast.make_site(db, clock, given={"OPENPORTABILITY_ANSWERS_A_DAY": str(A_DAY)})
    for numbers, found in ((OPEN, Found.ANYONE), (CONFIRMED, Found.CONFIRMED)):
        for number in numbers:
            cast.join(site, OLD, number, found=found)
    for number in HIDDEN:
        cast.join(site, OLD, number, found=Found.NOBODY)
    gone = [cast.join(site, OLD, number).user for number in LEFT]
    site.engine.turn()
    for user in gone:
        privacy.leave(site, user)
    return site


@pytest.mark.slow
def test_a_hundred_forged_lists_of_everybody_learn_what_is_allowed(site: Site) -> None:
    everybody = range(1, 2_000)
    attackers = [cast.join(site, OLD, number, found=Found.NOBODY).user for number in ATTACKERS]
    for attacker in attackers:
        cast.bring(site, attacker, OLD, following=everybody, followers=everybody)
    site.engine.turn()
    seen = [cast.seen_by(site, attacker) for attacker in attackers]
    assert {len(one) for one in seen} == {A_DAY}
    learned = {
        int(account.actor.id) for one in seen for m in one.values() for account in m.accounts
    }
    assert learned <= set(OPEN)


def test_absent_hidden_and_left_look_the_same(site: Site) -> None:
    pages = {
        numbers: _page_of_who_lists(site, owner, numbers)
        for owner, numbers in enumerate((ABSENT, CONFIRMED, HIDDEN, LEFT), start=20_001)
    }
    assert all(page == pages[ABSENT] for page in pages.values())
    assert pages[ABSENT].totals[Show.ALL] == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_page_is_as_much_work_whether_people_are_absent_hidden_or_left(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, for times are noise: statements, bytes of the set, rows that are opened."""
    work: list[object] = []
    opened = store.open_set

    def counted(*given: Any) -> MatchSet:
        met = opened(*given)
        work.append(len(met))
        return met

    monkeypatch.setattr(store, "open_set", counted)
    event.listen(
        site.db.sqlalchemy_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: work.append(statement),
    )
    done = {}
    for owner, numbers in enumerate((ABSENT, CONFIRMED, HIDDEN, LEFT, OPEN), start=30_001):
        user = cast.join(site, OLD, owner).user
        cast.bring(site, user, OLD, following=numbers, followers=numbers, blocked=numbers[:2])
        site.engine.turn()
        work.clear()
        with site.db.read() as tx:
            view.page(tx, site, user, Filter(), Show.ALL, after=None, limit=50)
            sealed = select(match_sets.c.sealed).where(match_sets.c.user_id == user)
            done[numbers] = [*work, len(tx.execute(sealed).scalar_one())]
    assert done[ABSENT] == done[CONFIRMED] == done[HIDDEN] == done[LEFT] != done[OPEN]


def _page_of_who_lists(site: Site, number: int, numbers: range) -> Page:
    user: UserId = cast.join(site, OLD, number).user
    cast.bring(site, user, OLD, following=numbers, followers=numbers)
    site.engine.turn()
    with site.db.read() as tx:
        return view.page(tx, site, user, Filter(), Show.ALL, after=None, limit=50)
