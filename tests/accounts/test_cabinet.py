from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import select, update

from openportability.accounts.cabinet import RowCabinet
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import cabinet as table
from openportability.domain import NetworkName
from openportability.errors import Unavailable
from openportability.site import Site
from openportability.vault import Keyring, Unreadable, Vault

MADE = {"client_id": "id", "client_secret": "the secret"}


@pytest.fixture
def vault() -> Vault:
    return Vault(Keyring.fresh())


@pytest.fixture
def cabinet(db: Database, vault: Vault, clock: MovedClock) -> RowCabinet:
    return RowCabinet(db, vault, clock, NetworkName("herd"))


def test_a_drawer_is_empty_until_it_is_made(cabinet: RowCabinet) -> None:
    assert cabinet.get("one.example", "app") is None
    assert cabinet.make_once("one.example", "app", lambda: MADE) == MADE
    assert cabinet.get("one.example", "app") == MADE
    assert cabinet.get("two.example", "app") is None
    assert cabinet.get("one.example", "key") is None


def test_networks_do_not_share_drawers(
    cabinet: RowCabinet, db: Database, vault: Vault, clock: MovedClock
) -> None:
    cabinet.make_once("one.example", "app", lambda: MADE)
    assert RowCabinet(db, vault, clock, NetworkName("sky")).get("one.example", "app") is None


def test_eight_who_ask_at_once_share_what_one_makes(cabinet: RowCabinet) -> None:
    makers: list[int] = []

    def ask(number: int) -> Mapping[str, str]:
        def make() -> Mapping[str, str]:
            makers.append(number)
            return {"by": str(number)}

        return cabinet.make_once("one.example", "app", make)

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(ask, range(8)))
    assert len(makers) == 1
    assert got == [{"by": str(makers[0])}] * 8


def test_a_maker_that_fails_leaves_the_drawer_to_the_next(cabinet: RowCabinet) -> None:
    def fail() -> Mapping[str, str]:
        raise Unavailable(host="one.example")

    with pytest.raises(Unavailable):
        cabinet.make_once("one.example", "app", fail)
    assert cabinet.make_once("one.example", "app", lambda: MADE) == MADE


def test_a_maker_that_died_is_waited_for_no_longer_than_its_lease(
    cabinet: RowCabinet, clock: MovedClock
) -> None:
    assert cabinet._lease("one.example", "app", "a process that was killed")
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(cabinet.make_once, "one.example", "app", lambda: MADE)
        assert not cabinet._lease("one.example", "app", "somebody else")
        clock.forward(seconds=31)
        assert waits.result(10) == MADE


def test_a_maker_slower_than_its_lease_takes_what_the_quicker_one_made(
    cabinet: RowCabinet, clock: MovedClock
) -> None:
    def slow() -> Mapping[str, str]:
        clock.forward(seconds=31)
        cabinet.make_once("one.example", "app", lambda: {"by": "the quick one"})
        return {"by": "the slow one"}

    assert cabinet.make_once("one.example", "app", slow) == {"by": "the quick one"}
    assert cabinet.get("one.example", "app") == {"by": "the quick one"}


def test_those_who_wait_get_what_is_made_meanwhile(cabinet: RowCabinet) -> None:
    begun, go_on = Event(), Event()

    def slow() -> Mapping[str, str]:
        begun.set()
        assert go_on.wait(10)
        return MADE

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cabinet.make_once, "one.example", "app", slow)
        assert begun.wait(10)
        second = pool.submit(cabinet.make_once, "one.example", "app", dict)
        go_on.set()
        assert first.result(10) == second.result(10) == MADE


def test_what_was_refused_is_dropped_but_not_what_came_after(cabinet: RowCabinet) -> None:
    cabinet.make_once("one.example", "app", lambda: MADE)
    cabinet.drop("one.example", "app", {"client_id": "an older one"})
    assert cabinet.get("one.example", "app") == MADE
    cabinet.drop("one.example", "app", MADE)
    assert cabinet.get("one.example", "app") is None
    assert cabinet.make_once("one.example", "app", lambda: {"new": "1"}) == {"new": "1"}


def test_a_copy_of_the_database_does_not_open_drawers(cabinet: RowCabinet, db: Database) -> None:
    cabinet.make_once("one.example", "app", lambda: MADE)
    cabinet.make_once("two.example", "app", lambda: {"client_id": "2"})
    with db.read() as tx:
        rows = tx.execute(select(table.c.instance, table.c.sealed)).all()
    sealed = {row.instance: row.sealed for row in rows}
    assert b"secret" not in sealed["one.example"]
    with db.write() as tx:
        moved = update(table).where(table.c.instance == "two.example")
        tx.execute(moved.values(sealed=sealed["one.example"]))
    with pytest.raises(Unreadable):
        cabinet.get("two.example", "app")


def test_no_more_is_spent_in_a_day_than_allowed_however_many_ask_at_once(
    cabinet: RowCabinet, clock: MovedClock
) -> None:
    day = clock.now().date()
    with ThreadPoolExecutor(8) as threads:
        counted = list(threads.map(lambda _: cabinet.spend("looks", day, 5), range(12)))
    assert (sum(counted), cabinet.spent("looks", day)) == (5, 5)
    tomorrow = day + timedelta(days=1)
    assert not cabinet.spend("looks", tomorrow, 0)
    assert cabinet.spend("looks", tomorrow, 1)
    assert (cabinet.spent("looks", tomorrow), cabinet.spent("reads", day)) == (1, 0)


def test_what_lasts_for_a_time_is_forgotten_by_the_hourly_chore(
    site: Site, clock: MovedClock
) -> None:
    cabinet = RowCabinet(site.db, site.vault, clock, NetworkName("herd"))
    cabinet.make_once("one.example", "server", lambda: MADE, lasts=timedelta(days=1))
    cabinet.make_once("one.example", "app", lambda: MADE)
    for days, left in ((0.9, MADE), (0.2, None)):
        clock.forward(days=days)
        site.engine.turn()
        assert cabinet.get("one.example", "server") == left
        assert cabinet.get("one.example", "app") == MADE
    cabinet.make_once("one.example", "server", lambda: {"new": "1"})
    assert cabinet.get("one.example", "server") == {"new": "1"}
