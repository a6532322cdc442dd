"""Lists in rows: sealed, one for each kind, passed over in batches."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select

from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import follow_lists
from openportability.domain import Kind, UserId
from openportability.graph import store as lists
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock)


def opened(site: Site, user: UserId) -> dict[tuple[str, Kind], list[int]]:
    with site.db.read() as tx:
        return {
            (of.network, of.kind): keys.tolist()
            for of, keys in lists.open_lists(tx, site.vault, user)
        }


def test_a_list_is_kept_in_place_of_the_one_before(site: Site) -> None:
    account = cast.join(site, OLD, 1)
    alice = account.user
    cast.bring(site, alice, OLD, following=[5, 2**63 - 1], followers=[])
    cast.bring(site, alice, OLD, following=[7, 5])
    assert opened(site, alice) == {(OLD, Kind.FOLLOWING): [5, 7], (OLD, Kind.FOLLOWERS): []}
    with site.db.read() as tx:
        key = accounts.personal_key(tx, site.vault, alice)
        held = lists.lists_of(tx, alice)
        kept = lists.open_list(tx, key, account.id, Kind.FOLLOWING)
        assert lists.open_list(tx, key, account.id, Kind.MUTED) is None
    assert kept is not None
    assert kept.tolist() == [5, 7]
    assert {(one.of.kind, one.count) for one in held} == {(Kind.FOLLOWING, 2), (Kind.FOLLOWERS, 0)}


def test_a_list_is_not_readable_in_its_row(site: Site) -> None:
    alice, bob = (cast.join(site, OLD, number).user for number in (1, 2))
    for user in (alice, bob):
        cast.bring(site, user, OLD, following=range(100, 200))
    with site.db.read() as tx:
        first, second = tx.execute(select(follow_lists.c.sealed)).scalars()
    assert first != second


def test_lists_go_with_their_account(site: Site) -> None:
    alice = cast.join(site, OLD, 1)
    cast.join(site, NEW, 1, user=alice.user)
    for network in (OLD, NEW):
        cast.bring(site, alice.user, network, following=[5])
    with site.db.write() as tx:
        lists.drop_lists(tx, alice.id)
    assert opened(site, alice.user) == {(NEW, Kind.FOLLOWING): [5]}


@pytest.mark.parametrize(("most_lists", "most_links"), [(500, 10**6), (2, 10**6), (500, 7), (1, 0)])
def test_a_pass_meets_each_list_once_however_it_is_cut(
    site: Site, monkeypatch: pytest.MonkeyPatch, most_lists: int, most_links: int
) -> None:
    monkeypatch.setattr(lists, "_BATCH_LISTS", most_lists)
    monkeypatch.setattr(lists, "_BATCH_LINKS", most_links)
    for number in range(1, 6):
        user = cast.join(site, OLD, number).user
        cast.join(site, NEW, number, user=user)
        cast.bring(site, user, OLD, following=range(number), followers=[number])
        cast.bring(site, user, NEW, following=[9], muted=[8])
    met = [
        (of.user, of.kind, tuple(keys.tolist()))
        for of, keys in lists.each_list(site.db, site.vault, [OLD])
    ]
    assert len(met) == 10
    assert set(met) == {
        expected
        for number in range(1, 6)
        for expected in (
            (number, Kind.FOLLOWING, tuple(range(number))),
            (number, Kind.FOLLOWERS, (number,)),
        )
    }
    both = list(lists.each_list(site.db, site.vault, [OLD, NEW]))
    assert len(both) == 20


def test_lists_are_told_in_the_order_in_which_they_came(site: Site) -> None:
    alice, bob = (cast.join(site, OLD, number).user for number in (1, 2))
    cast.bring(site, bob, OLD, following=[1])
    cast.bring(site, alice, OLD, following=[1])
    cast.bring(site, bob, OLD, following=[2])
    with site.db.read() as tx:
        brought = lists.brought_since(tx, 0, 10)
        assert [user for user, _ in brought] == [alice, bob]
        assert lists.brought_since(tx, brought[0][1], 10) == brought[1:]


def test_a_second_account_on_a_network_brings_lists_of_its_own(site: Site) -> None:
    first, second = cast.join(site, OLD, 1), cast.join(site, OLD, 2)
    for account, keys in ((first, [5]), (second, [6])):
        with site.db.write() as tx:
            key = accounts.personal_key(tx, site.vault, account.user)
            of = lists.ListOf(
                user=account.user, network=OLD, kind=Kind.FOLLOWING, account=account.id
            )
            now = site.clock.now()
            lists.put_list(tx, key, of, np.array(keys, np.uint64), taken_at=None, imported_at=now)
    with site.db.read() as tx:
        for account, expected in ((first, [5]), (second, [6])):
            key = accounts.personal_key(tx, site.vault, account.user)
            kept = lists.open_list(tx, key, account.id, Kind.FOLLOWING)
            assert kept is not None
            assert kept.tolist() == expected
