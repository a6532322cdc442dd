"""Once a week, while nobody is here: grants stay alive and names stay right."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from openportability.accounts import grant_store, keeping, store
from openportability.clock import MovedClock
from openportability.db.schema import grants
from openportability.domain import Account, Actor
from openportability.errors import Gone, NetworkError, SignedOut, Throttled, Unavailable
from openportability.site import Site
from tests.accounts.conftest import AddAccount
from tests.accounts.desk import HERD, Desk
from tests.accounts.test_grants import kept


def waiting(site: Site, account: Account, standing: str = "automatic") -> Account:
    with site.db.write() as tx:
        store.choose(tx, account.user, standing=standing)
    return account


def shown(site: Site, account: Account) -> Actor:
    with site.db.read() as tx:
        found = store.account(tx, account.id)
    assert found
    return found.actor


@pytest.mark.parametrize(
    ("standing", "can_follow", "days", "refreshed"),
    [
        ("automatic", True, 8, 1),
        ("ask", True, 8, 1),
        ("automatic", True, 6, 0),
        ("off", True, 8, 0),
        ("automatic", False, 8, 0),
    ],
)
def test_a_grant_that_rests_is_kept_alive_for_who_waits_for_arrivals(
    site: Site,
    add: AddAccount,
    desk: Desk,
    clock: MovedClock,
    standing: str,
    can_follow: bool,
    days: int,
    refreshed: int,
) -> None:
    waiting(site, add("ann", grant=desk.grant(can_follow=can_follow)), standing)
    clock.forward(days=days)
    site.engine.turn()
    assert desk.refreshed == refreshed
    site.engine.turn()
    assert desk.refreshed == refreshed


@pytest.mark.parametrize("trouble", [Unavailable(), Throttled(None)])
def test_a_server_that_is_away_is_asked_again_the_next_day(
    site: Site, add: AddAccount, desk: Desk, clock: MovedClock, trouble: NetworkError
) -> None:
    account = waiting(site, add("ann", grant=desk.grant(can_follow=True)))
    desk.fails = [trouble]
    clock.forward(days=8)
    for _ in range(2):
        site.engine.turn()
        assert (desk.refreshed, desk.fails) == (0, [])
    clock.forward(days=1, seconds=1)
    site.engine.turn()
    assert desk.refreshed == 1
    grant = kept(site, account)
    assert grant
    assert desk.lives(grant)


def test_a_new_name_is_noted_once_a_week_whoever_waits_for_whom(
    site: Site, add: AddAccount, desk: Desk, clock: MovedClock
) -> None:
    account = add("ann", grant=desk.grant())
    desk.names["ann"] = "Ann Newname"
    site.engine.turn()
    assert (desk.looked, shown(site, account).name) == (0, "Ann")
    for week in (1, 2, 3):
        clock.forward(days=7, seconds=1)
        site.engine.turn()
        site.engine.turn()
        assert (desk.looked, shown(site, account).name) == (week, "Ann Newname")
    assert shown(site, account).id == "ann"


def test_who_has_not_changed_is_not_seen_anew(
    site: Site, add: AddAccount, desk: Desk, clock: MovedClock
) -> None:
    account = add("ann", grant=desk.grant())
    clock.forward(days=8)
    site.engine.turn()
    assert desk.looked == 1
    assert shown(site, account) == account.actor


@pytest.mark.parametrize("trouble", [Gone(), Unavailable()])
def test_a_look_that_fails_leaves_everything_as_it_was(
    site: Site, add: AddAccount, desk: Desk, clock: MovedClock, trouble: NetworkError
) -> None:
    account = add("ann", grant=desk.grant())
    desk.names["ann"] = "Ann Newname"
    desk.fails = [trouble]
    clock.forward(days=8)
    site.engine.turn()
    assert shown(site, account) == account.actor
    assert kept(site, account) is not None
    clock.forward(days=8)
    site.engine.turn()
    assert shown(site, account).name == "Ann Newname"


def test_a_grant_that_the_network_has_ended_is_no_grant_any_more(
    site: Site, add: AddAccount, desk: Desk, clock: MovedClock
) -> None:
    account = add("ann", grant=desk.grant())
    desk.fails = [SignedOut()]
    clock.forward(days=8)
    site.engine.turn()
    assert kept(site, account) is None
    clock.forward(days=8)
    site.engine.turn()
    assert desk.looked == 1


def test_who_signs_in_again_while_the_old_grant_is_seen_to_keeps_the_new_one(
    site: Site, add: AddAccount, desk: Desk, clock: MovedClock
) -> None:
    account, fresh = add("ann", grant=desk.grant()), desk.grant()

    def signs_in_again() -> None:
        with site.db.write() as tx:
            key = store.personal_key(tx, site.vault, account.user)
            grant_store.put_grant(tx, key, account.user, account.id, fresh, clock.now())

    desk.meanwhile, desk.fails = signs_in_again, [SignedOut()]
    clock.forward(days=8)
    site.engine.turn()
    assert kept(site, account) == fresh


def test_a_network_that_is_switched_off_is_left_alone(
    site: Site, add: AddAccount, desk: Desk, clock: MovedClock
) -> None:
    waiting(site, add("ann", grant=desk.grant(can_follow=True)))
    assert isinstance(site.networks, dict)
    del site.networks[HERD]
    clock.forward(days=8)
    site.engine.turn()
    assert (desk.looked, desk.refreshed) == (0, 0)


def test_two_workers_see_to_an_account_once(
    site: Site, add: AddAccount, desk: Desk, clock: MovedClock
) -> None:
    account = add("ann", grant=desk.grant())
    clock.forward(days=8)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: keeping.see_to(site, account.id), range(4)))
    assert desk.looked == 1


def test_who_waited_longest_has_the_first_turn_and_the_dead_have_none(
    site: Site, add: AddAccount, desk: Desk, clock: MovedClock
) -> None:
    accounts = []
    for name in ("ann", "ben", "cat"):
        accounts.append(add(name, grant=desk.grant(name)))
        clock.forward(hours=1)
    ann, ben, cat = (account.id for account in accounts)
    now = clock.now() + timedelta(days=8)
    with site.db.write() as tx:
        assert grant_store.due_turns(tx, now, 2) == [ann, ben]
        grant_store.kill_grant(tx, ann)
        assert grant_store.due_turns(tx, now, 9) == [ben, cat]
        assert grant_store.take_turn(tx, ben, now=now, again_at=now + timedelta(days=1))
        grant_store.kill_grant(tx, ben)
        grant_store.end_turn(tx, ben, again_at=now + timedelta(days=1), next_at=now)
        assert grant_store.due_turns(tx, now, 9) == [cat]
        turns = select(grants.c.account_id).where(grants.c.turn_at.is_not(None))
        assert [one for (one,) in tx.execute(turns)] == [cat]
