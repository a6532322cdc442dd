"""Pages of matches: in order, each once, whatever changes between two of them."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain

import pytest

from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import UserId
from openportability.errors import NotFound
from openportability.matching import service as matching
from openportability.matching.seen import Filter
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD

PEOPLE = range(2, 22)


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock)


@pytest.fixture
def alice(site: Site) -> UserId:
    """Somebody who followed everyone; every third followed her, every sixth says so."""
    alice = cast.join(site, OLD, 1).user
    for number in PEOPLE:
        cast.join(site, OLD, number)
    cast.bring(site, alice, OLD, following=PEOPLE, followers=range(3, 22, 3))
    site.engine.turn()
    return alice


def pages(site: Site, user: UserId, by: Filter, limit: int) -> list[list[UserId]]:
    every, after = [], None
    while True:
        with site.db.read() as tx:
            people = matching.seen(tx, site, user)
            some, after = people.page(people.narrowed(tx, by), after, limit)
            every.append([match.user for match in people.matches(tx, some)])
        if after is None:
            return every


@pytest.mark.parametrize("limit", [1, 3, 7, 20, 100])
def test_pages_of_any_size_are_the_whole_list_cut(site: Site, alice: UserId, limit: int) -> None:
    with site.db.read() as tx:
        whole = matching.matches_of(tx, site, alice)
    assert [match.evidence.mutual for match in whole] == [True] * 7 + [False] * 13
    cut = pages(site, alice, Filter(), limit)
    assert [*chain(*cut)] == [match.user for match in whole]
    assert all(len(page) == limit for page in cut[:-1])


def test_a_page_goes_on_where_it_ended_though_people_come_and_go(site: Site, alice: UserId) -> None:
    with site.db.read() as tx:
        people = matching.seen(tx, site, alice)
        some, after = people.page(people.narrowed(tx, Filter()), None, 10)
        first = [match.user for match in people.matches(tx, some)]
    with site.db.write() as tx:
        matching.set_dismissed(tx, site, alice, first[:4], dismissed=True)
    with site.db.read() as tx:
        people = matching.seen(tx, site, alice)
        some, end = people.page(people.narrowed(tx, Filter()), after, 10)
        second = [match.user for match in people.matches(tx, some)]
        everyone = [match.user for match in matching.matches_of(tx, site, alice)]
    assert first + second == everyone
    assert end is None


def test_a_search_finds_handles_and_names_in_any_case(site: Site, alice: UserId) -> None:
    found = {
        text: len([*chain(*pages(site, alice, Filter(text=text), 100))])
        for text in ("@PERSON2", "son 21", "person", "nobody")
    }
    assert found == {"@PERSON2": 3, "son 21": 1, "person": 20, "nobody": 0}
    assert pages(site, alice, Filter(network=NEW), 5) == [[]]
    assert len([*chain(*pages(site, alice, Filter(mutual_only=True), 5))]) == 7


def test_whom_nobody_met_has_an_empty_page(site: Site) -> None:
    assert pages(site, cast.join(site, OLD, 99).user, Filter(text="x"), 5) == [[]]


def test_the_numbers_of_a_page_are_those_of_today(site: Site, alice: UserId) -> None:
    """They are kept between pages, and never older than what the page is made of."""

    def agree() -> int:
        with site.db.read() as tx:
            people, told = matching.seen(tx, site, alice), matching.counted(tx, site, alice)
        assert told.people == int((~people.dismissed).sum())
        assert told.places == people.count_places()
        return told.people

    assert agree() == agree() == len(PEOPLE)
    with site.db.write() as tx:
        first = matching.matches_of(tx, site, alice)[0]
        matching.set_dismissed(tx, site, alice, {first.user}, dismissed=True)
    assert agree() == len(PEOPLE) - 1
    with site.db.write() as tx:
        accounts.drop_account(tx, matching.matches_of(tx, site, alice)[1].sources[0].id)
    assert agree() == len(PEOPLE) - 2


def test_what_a_rolled_back_transaction_counts_is_told_to_nobody_else(
    site: Site, alice: UserId
) -> None:
    with suppress(NotFound), site.db.write() as tx:
        accounts.drop_account(tx, matching.matches_of(tx, site, alice)[0].sources[0].id)
        assert matching.counted(tx, site, alice).people == len(PEOPLE) - 1
        raise NotFound
    with site.db.read() as tx:
        assert matching.counted(tx, site, alice).people == len(PEOPLE)
