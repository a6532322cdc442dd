from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import select

from openportability.accounts import grant_store, service, store
from openportability.accounts.refresh import usable_grant
from openportability.clock import MovedClock
from openportability.db.schema import grants, revocations
from openportability.domain import Account, Grant, UserId
from openportability.errors import SignedOut, Unavailable
from openportability.site import Site
from tests.accounts.conftest import AddAccount
from tests.accounts.desk import HERD, Desk
from tests.merging.together import bring_together

SOON = timedelta(minutes=1)


def kept(site: Site, account: Account) -> Grant | None:
    with site.db.read() as tx:
        key = store.personal_key(tx, site.vault, account.user)
        return grant_store.live_grant(tx, key, account.id)


def put(site: Site, account: Account, grant: Grant) -> None:
    with site.db.write() as tx:
        key = store.personal_key(tx, site.vault, account.user)
        grant_store.put_grant(tx, key, account.user, account.id, grant, site.clock.now())


def test_a_grant_comes_back_as_it_was_given(site: Site, add: AddAccount, desk: Desk) -> None:
    grant = desk.grant(can_follow=True)
    account = add("ann", grant=grant)
    found = kept(site, account)
    assert found is not None
    assert (found.secret, found.can_follow, found.scopes) == (
        grant.secret,
        True,
        grant.scopes,
    )
    assert found.expires_at == grant.expires_at
    with site.db.read() as tx:
        assert grant_store.may_follow(tx, account.user) == {account.id}


def test_tokens_do_not_lie_in_clear(site: Site, add: AddAccount, desk: Desk) -> None:
    add("ann", grant=desk.grant())
    with site.db.read() as tx:
        sealed = tx.execute(select(grants.c.sealed)).scalar_one()
    assert b"token" not in sealed


def test_a_dead_grant_is_no_grant(site: Site, add: AddAccount, desk: Desk) -> None:
    account = add("ann", grant=desk.grant(can_follow=True))
    service.forget_grant(site, account)
    assert kept(site, account) is None
    with site.db.read() as tx:
        assert grant_store.may_follow(tx, account.user) == set()
    put(site, account, desk.grant())
    assert kept(site, account) is not None


def test_a_grant_that_lasts_is_not_refreshed(site: Site, add: AddAccount, desk: Desk) -> None:
    account = add("ann", grant=desk.grant())
    usable_grant(site, account)
    assert desk.refreshed == 0


def test_a_grant_that_ends_soon_is_refreshed_and_kept(
    site: Site, add: AddAccount, desk: Desk
) -> None:
    account = add("ann", grant=desk.grant(lives=SOON))
    fresh = usable_grant(site, account)
    assert desk.lives(fresh)
    again = kept(site, account)
    assert again is not None
    assert again.secret == fresh.secret


def test_without_a_grant_one_must_sign_in(site: Site, add: AddAccount) -> None:
    with pytest.raises(SignedOut):
        usable_grant(site, add("ann"))


def test_two_who_need_it_at_once_refresh_it_once(site: Site, add: AddAccount, desk: Desk) -> None:
    account = add("ann", grant=desk.grant(lives=SOON))
    go_on = Event()
    desk.meanwhile = lambda: None if go_on.wait(10) else pytest.fail("nobody went on")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(usable_grant, site, account)
        assert desk.asked.wait(10)
        second = pool.submit(usable_grant, site, account)
        go_on.set()
        got = [first.result(10), second.result(10)]
    assert desk.refreshed == 1
    assert got[0].secret == got[1].secret
    assert desk.lives(got[0])


def test_who_died_while_refreshing_is_waited_for_no_longer_than_its_lease(
    site: Site, add: AddAccount, desk: Desk, clock: MovedClock
) -> None:
    account = add("ann", grant=desk.grant(lives=SOON))
    with site.db.write() as tx:
        assert grant_store.lease(tx, account.id, "a process that was killed", clock.now())
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(usable_grant, site, account)
        with site.db.write() as tx:
            assert not grant_store.lease(tx, account.id, "somebody else", clock.now())
        clock.forward(seconds=grant_store.LEASE.total_seconds() + 1)
        assert desk.lives(waits.result(10))


def test_a_refresh_lost_in_a_crash_means_signing_in_again(
    site: Site, add: AddAccount, desk: Desk, clock: MovedClock
) -> None:
    grant = desk.grant(lives=SOON)
    account = add("ann", grant=grant)
    desk.refresh(grant)  # the network gave a new token, and nobody lived to keep it
    with pytest.raises(SignedOut):
        usable_grant(site, account)
    assert kept(site, account) is None


def test_a_server_that_is_away_leaves_the_grant_and_the_lease_to_the_next_try(
    site: Site, add: AddAccount, desk: Desk
) -> None:
    account = add("ann", grant=desk.grant(lives=SOON))
    desk.fails = [Unavailable()]
    with pytest.raises(Unavailable):
        usable_grant(site, account)
    assert desk.lives(usable_grant(site, account))


def test_who_signs_in_again_during_a_refresh_keeps_the_new_grant(
    site: Site, add: AddAccount, desk: Desk
) -> None:
    account = add("ann", grant=desk.grant(lives=SOON))
    newer = desk.grant(can_follow=True)
    desk.meanwhile = lambda: put(site, account, newer)
    assert usable_grant(site, account).secret == newer.secret
    found = kept(site, account)
    assert found is not None
    assert found.can_follow
    # The refreshed one, which nobody needs any more, is ended at the network.
    desk.meanwhile = lambda: None
    site.engine.turn()
    assert list(desk.living) == [newer.secret["refresh"]]


def test_a_refused_refresh_does_not_end_a_grant_that_came_meanwhile(
    site: Site, add: AddAccount, desk: Desk
) -> None:
    account = add("ann", grant=desk.grant(lives=SOON))
    newer = desk.grant()
    desk.meanwhile = lambda: put(site, account, newer)
    desk.fails = [SignedOut()]
    with pytest.raises(SignedOut):
        usable_grant(site, account)
    found = kept(site, account)
    assert found is not None
    assert found.secret == newer.secret


def test_an_account_unlinked_during_a_refresh_leaves_no_token_behind(
    site: Site, add: AddAccount, desk: Desk
) -> None:
    account = add("ann", grant=desk.grant(lives=SOON))
    add("second")

    def leave() -> None:
        desk.meanwhile = lambda: None
        with site.db.write() as tx:
            service.unlink(tx, site, account)

    desk.meanwhile = leave
    with pytest.raises(SignedOut):
        usable_grant(site, account)
    site.engine.turn()
    assert desk.living == {}
    with site.db.read() as tx:
        assert tx.execute(select(revocations)).all() == []


def test_a_refresh_goes_on_when_two_users_become_one(
    site: Site, add: AddAccount, desk: Desk
) -> None:
    account = add("ann", grant=desk.grant(lives=SOON))
    with site.db.write() as tx:
        heir = store.create_user(tx, site.vault, "en", site.clock.now())

    def join() -> None:
        desk.meanwhile = lambda: None
        bring_together(site, heir, account)

    desk.meanwhile = join
    fresh = usable_grant(site, account)
    assert desk.lives(fresh)
    assert usable_grant(site, replace(account, user=heir)).secret == fresh.secret
    assert list(desk.living) == [fresh.secret["refresh"]]


# --- grants to be ended at their network ----------------------------------------------------------


def waiting(site: Site) -> int:
    with site.db.read() as tx:
        return len(tx.execute(select(revocations.c.id)).all())


def end(site: Site, grant: Grant) -> None:
    with site.db.write() as tx:
        service.end_grant(tx, site, grant)


def test_a_grant_is_ended_at_its_network_soon(site: Site, desk: Desk) -> None:
    grant = desk.grant()
    end(site, grant)
    site.engine.turn()
    assert not desk.lives(grant)
    assert waiting(site) == 0


def test_a_server_that_is_away_is_asked_again_every_hour(
    site: Site, desk: Desk, clock: MovedClock
) -> None:
    grant = desk.grant()
    end(site, grant)
    desk.fails = [Unavailable(), Unavailable()]
    for _ in range(2):
        site.engine.turn()
        assert (desk.lives(grant), waiting(site)) == (True, 1)
        clock.forward(hours=1, seconds=1)
    site.engine.turn()
    assert (desk.lives(grant), waiting(site)) == (False, 0)


def test_between_two_tries_the_server_is_left_alone(site: Site, desk: Desk) -> None:
    end(site, desk.grant())
    desk.fails = [Unavailable()]
    for _ in range(3):
        site.engine.turn()
    assert (len(desk.living), waiting(site)) == (1, 1)


def test_a_server_that_never_answers_is_given_up_after_a_week(
    site: Site, desk: Desk, clock: MovedClock
) -> None:
    end(site, desk.grant())
    desk.fails = [Unavailable()] * 1000
    hours = 0
    while waiting(site):
        site.engine.turn()
        clock.forward(hours=1, seconds=1)
        hours += 1
    assert hours == 7 * 24


def test_a_token_that_is_in_use_again_is_not_ended(site: Site, add: AddAccount, desk: Desk) -> None:
    grant = desk.grant()
    end(site, grant)
    add("ann", grant=grant)  # the server gave the same token again
    site.engine.turn()
    assert (desk.lives(grant), waiting(site)) == (True, 0)


def test_a_network_that_is_switched_off_is_asked_when_it_is_back(
    site: Site, desk: Desk, clock: MovedClock
) -> None:
    grant = desk.grant()
    end(site, grant)
    networks = site.networks
    assert isinstance(networks, dict)
    herd = networks.pop(HERD)
    site.engine.turn()
    assert waiting(site) == 1
    networks[HERD] = herd
    clock.forward(hours=1, seconds=1)
    site.engine.turn()
    assert (desk.lives(grant), waiting(site)) == (False, 0)


def test_what_waits_to_be_ended_does_not_say_whose_it_was(
    site: Site, user: UserId, desk: Desk
) -> None:
    end(site, desk.grant("ann"))
    with site.db.read() as tx:
        (row,) = tx.execute(select(revocations)).all()
    assert "user_id" not in revocations.c
    assert b"ann" not in row.sealed
