"""Lists in rows: sealed, one for each kind, passed over in batches."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select

from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import follow_lists
from openportability.domain import Kind, NetworkName, UserId
from openportability.graph import pass_store
from openportability.graph import store as lists
from openportability.graph.pass_store import Share
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
        kept = lists.open_list(tx, key, account.user, account.id, Kind.FOLLOWING)
        assert lists.open_list(tx, key, account.user, account.id, Kind.MUTED) is None
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
        lists.drop_lists(tx, alice.user, alice.id)
    assert opened(site, alice.user) == {(NEW, Kind.FOLLOWING): [5]}


@pytest.mark.parametrize(("most_lists", "most_links"), [(500, 10**6), (2, 10**6), (500, 7), (1, 0)])
def test_a_pass_meets_each_list_once_however_it_is_cut(
    site: Site, monkeypatch: pytest.MonkeyPatch, most_lists: int, most_links: int
) -> None:
    monkeypatch.setattr(pass_store, "_BATCH_LISTS", most_lists)
    monkeypatch.setattr(pass_store, "_BATCH_LINKS", most_links)
    for number in range(1, 6):
        user = cast.join(site, OLD, number).user
        cast.join(site, NEW, number, user=user)
        cast.bring(site, user, OLD, following=range(number), followers=[number])
        cast.bring(site, user, NEW, following=[9], muted=[8])
    met = read(site, [OLD])
    assert sorted(met) == sorted(
        (number, tuple(keys)) for number in range(1, 6) for keys in (range(number), [number])
    )
    assert len(read(site, [OLD, NEW])) == 20


def test_shares_of_a_pass_are_all_of_it_and_hold_nothing_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pass_store, "_IN_A_ROW", 2)
    for number in range(1, 6):
        cast.bring(site, cast.join(site, OLD, number).user, OLD, following=[number], muted=[8])
    shares = [
        [
            (owner, tuple(keys.tolist()))
            for some in pass_store.over_all(
                site.db, site.vault, None, share=Share(number=number, of=3)
            )
            for owner, keys in some
        ]
        for number in range(3)
    ]
    assert all(shares)
    assert sorted(one for share in shares for one in share) == sorted(read(site, None))


def read(site: Site, networks: list[NetworkName] | None) -> list[tuple[int, tuple[int, ...]]]:
    return [
        (owner, tuple(keys.tolist()))
        for some in pass_store.over_all(site.db, site.vault, networks)
        for owner, keys in some
    ]


def test_a_pass_goes_on_past_a_list_that_cannot_be_unpacked(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Sealed as it is; by a newer version, say."""
    account, other = (cast.join(site, OLD, number) for number in (1, 2))
    for user in (account.user, other.user):
        cast.bring(site, user, OLD, following=[5, 6])
    with site.db.write() as tx:
        key = accounts.personal_key(tx, site.vault, account.user)
        sealed = key.seal(b"\x02 of the future", lists.place(account.id, Kind.FOLLOWING))
        newer = follow_lists.update().where(follow_lists.c.account_id == account.id)
        tx.execute(newer.values(sealed=sealed))
    assert read(site, None) == [(other.user, (5, 6))]
    assert {record.message for record in caplog.records} == {"list_unreadable"}


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
            kept = lists.open_list(tx, key, account.user, account.id, Kind.FOLLOWING)
            assert kept is not None
            assert kept.tolist() == expected
