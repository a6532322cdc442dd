"""What a worker puts right after a clock went back, while others are at work on the same database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from openportability.accounts import store as accounts
from openportability.clock import micros
from openportability.db.engine import Database, Tx
from openportability.db.schema import grants
from openportability.mail import store as mail
from openportability.mail.rules import Mail
from openportability.operator import jobs, service, store
from tests.house import House
from tests.journeys.neighbourhood import Neighbourhood
from tests.mail.writing import ADDRESS, user_of

_WAITS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND wait_event_type = 'Lock'"
)


def test_a_lease_that_was_taken_since_the_clock_went_back_is_kept(house: House) -> None:
    place = Neighbourhood(house)
    place.join(place.somebody())
    now, ahead = house.clock.now(), timedelta(days=3)
    fresh, old = now + timedelta(seconds=100), now + ahead + timedelta(seconds=100)
    with house.site.db.write() as tx:
        for until, meant in ((fresh, fresh), (old, now + timedelta(minutes=2))):
            tx.execute(update(grants).values(lease="somebody:1", lease_until=micros(until)))
            service.turn_back(tx, now, ahead)
            assert set(tx.execute(select(grants.c.lease_until)).scalars()) == {micros(meant)}


def test_who_was_told_while_the_clock_was_ahead_is_told_of_those_who_come_now(house: House) -> None:
    place = Neighbourhood(house)
    place.join(alice := place.somebody())
    now, ahead, week = house.clock.now(), timedelta(days=400), timedelta(days=7)
    user = user_of(house, alice)
    with house.site.db.write() as tx:
        key = accounts.personal_key(tx, house.site.vault, user)
        mail.put_address(tx, key, user, ADDRESS, [Mail.ARRIVALS], now)
        mail.note_told(tx, user, now + ahead, now + ahead + week)
        service.turn_back(tx, now, ahead)
        given = mail.address_of(tx, key, user)
    assert given is not None
    assert (given.told_at, given.look_at) == (now, now + week)


def test_a_sign_in_while_the_clock_was_ahead_ends_unused_as_any_does(house: House) -> None:
    house.clock.jump(days=400)
    browser = house.new_browser()
    browser.sign_in("bird", "newcomer")
    house.turn()
    house.clock.jump(days=-400)
    house.turn()
    house.clock.forward(days=29)
    assert browser.api("GET", "/me").status == 200
    house.clock.forward(days=31)
    assert browser.api("GET", "/me").status == 401


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_two_workers_that_see_it_together_one_puts_it_right(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned: list[timedelta] = []

    def turn_back(tx: Tx, now: datetime, by: timedelta) -> None:
        turned.append(by)
        while len(turned) < 2 and not _somebody_waits(house.site.db):
            pass

    monkeypatch.setattr(service, "turn_back", turn_back)
    with house.site.db.write() as tx:
        store.note_worker(tx, house.clock.now() + timedelta(days=3))
    with ThreadPoolExecutor(2) as workers:
        looks = [jobs.work(house.site)[1][0].look for _ in range(2)]
        for done in [workers.submit(look) for look in looks]:
            done.result()
    assert len(turned) == 1


def _somebody_waits(db: Database) -> bool:
    with db.read() as tx:
        count: int = tx.execute(_WAITS).scalar_one()
    return count > 0
