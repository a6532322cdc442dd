"""What a site does while something is missing: it serves the rest, says so, loses nothing, and goes on by itself."""

from __future__ import annotations

import errno
import re
import socket
import sqlite3
import time
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from openportability.db.engine import Database
from openportability.db.schema import METADATA
from openportability.db.trouble import Trouble, trouble
from openportability.domain import NetworkName
from openportability.networks.fake.reply import Fault
from openportability.operator import store
from openportability.reconnection import host_store
from tests.archives.corpus import archive_files, zipped
from tests.browsing import Answer
from tests.house import House
from tests.journeys.neighbourhood import NEW, OLD, Neighbour, Neighbourhood
from tests.journeys.steps import ledger, submit, until
from tests.operation.faults import full_disk, working
from tests.postgresql import Cluster

#: Enough followings that their list does not fit where pages are used up.
MANY = 20_000
GONE_SECONDS = 30


@pytest.fixture
def place(house: House) -> Neighbourhood:
    return Neighbourhood(house)


@pytest.fixture
def alice(house: House, place: Neighbourhood) -> Neighbour:
    """She found two people and has a plan that she can start."""
    alice = place.somebody()
    there = [place.somebody() for _ in range(2)]
    for one in there:
        place.join(one)
    place.join(alice)
    place.bring(alice, following=there)
    house.turn()
    return alice


def ready(house: House) -> Any:
    return house.new_browser().get("/readyz").json()


def numbers(house: House) -> str:
    answer = house.new_browser().get("/metrics")
    assert answer.status == 200
    return answer.text


def brings(alice: Neighbour, path: str = "/api/v1/archives") -> Answer:
    """Hand over a long archive, as a program does, or the page."""
    files = archive_files(
        owner=alice.number,
        handle=alice.old_handle,
        following=Random(1).sample(range(10**9, 10**18), MANY),
        followers=[],
    )
    boundary = "edge"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="archive.zip"\r\n'
        "Content-Type: application/zip\r\n\r\n"
    )
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Sec-Fetch-Site": "same-origin",
    }
    body = head.encode() + zipped(files) + f"\r\n--{boundary}--\r\n".encode()
    return alice.browser.ask("POST", path, body=body, headers=headers)


def followed_once(place: Neighbourhood, alice: Neighbour, count: int = 2) -> None:
    """Each follow is in the ledger and at the network, once."""
    assert list(ledger(alice.browser).values()) == ["followed"] * count
    assert sorted(place.follows(alice).values()) == [1] * count


def test_a_full_disk_keeps_nothing_new_and_loses_nothing(
    house: House, place: Neighbourhood, alice: Neighbour
) -> None:
    plan = place.plan(alice)
    lists = alice.browser.api("GET", "/export").body
    with full_disk(house.site.db):
        refused = brings(alice)
        assert (refused.status, refused.json()["code"]) == (503, Trouble.NO_ROOM)
        assert refused.headers["Retry-After"]
        page = brings(alice, "/archive")
        assert (page.status, "cannot keep anything new" in page.words) == (503, True)
        # What is there is still shown.
        for path in ("/", "/matches", plan, "/my-data"):
            assert alice.browser.get(path).status == 200, path
        assert alice.browser.api("GET", "/export").body == lists
        with suppress(Exception):
            house.turn()
        assert brings(alice).status == 503
        told = ready(house)
        assert (told["status"], told["parts"]["database"]) == ("degraded", "ok")
        assert "make room" in told["parts"]["room"]
        seen = numbers(house)
        assert 'openportability_up{part="room"} 0' in seen
        assert "openportability_writes_refused_total 0\n" not in seen
    place.start(alice, plan)
    assert ready(house)["status"] == "ready"
    assert 'openportability_up{part="room"} 1' in numbers(house)
    place.later()
    followed_once(place, alice)
    assert brings(alice).status == 201


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_is_gone_for_half_a_minute_comes_back_to_all_of_its_work(
    house: House, place: Neighbourhood, alice: Neighbour, postgresql: Cluster
) -> None:
    plan = place.plan(alice)
    place.allow(alice, plan)
    with working(house):
        until(lambda: ready(house), lambda told: told["status"] == "ready")
        # It goes while the work is being done.
        submit(alice.browser, f"{plan}/start")
        with postgresql.stopped():
            back = time.monotonic() + GONE_SECONDS
            while time.monotonic() < back:
                all_say_that_the_database_is_gone(house, alice)
                time.sleep(1)
        until(lambda: ready(house), lambda told: told["status"] == "ready")
        assert 'openportability_up{part="database"} 1' in numbers(house)
        # What was begun when it went is held by a lease, and then looked at again.
        house.clock.forward(minutes=5)
        until(lambda: set(ledger(alice.browser).values()), lambda states: states == {"followed"})
    followed_once(place, alice)


def all_say_that_the_database_is_gone(house: House, alice: Neighbour) -> None:
    page = alice.browser.get("/matches")
    assert (page.status, "database does not answer" in page.words) == (503, True)
    assert page.headers["Retry-After"]
    told = alice.browser.api("GET", "/me")
    assert (told.status, told.json()["code"]) == (503, Trouble.AWAY)
    # What needs no database is there.
    anybody = house.new_browser()
    assert [anybody.get(path).status for path in ("/healthz", "/about")] == [200, 200]
    down = anybody.get("/readyz")
    assert (down.status, list(down.json()["parts"])) == (503, ["database"])
    assert 'openportability_up{part="database"} 0' in numbers(house)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_server_that_answers_nonsense_for_an_hour_is_left_alone_and_asked_again(
    house: House, place: Neighbourhood, alice: Neighbour
) -> None:
    for verb in ("relationships", "follow"):
        house.world.fail_next(NEW, verb, Fault.GARBAGE, 10_000)
    place.reconnect(alice)
    for minutes in (1, 2, 4, 8, 15, 15, 15):
        place.later(minutes=minutes)
        assert house.new_browser().get("/about").status == 200
    assert set(ledger(alice.browser).values()) == {"ready"}
    page = alice.browser.get("/reconnect").words
    assert "makes no sense to us" in page
    assert "%(" not in page
    told = ready(house)
    assert (told["status"], told["away"]) == ("ready", {NEW: 1})
    assert f'openportability_servers_away{{network="{NEW}"}} 1' in numbers(house)
    house.world.heal(NEW)
    house.clock.forward(hours=1)
    house.turn()
    place.later(minutes=10)
    followed_once(place, alice)
    assert ready(house)["away"] == {}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_while_a_networks_directory_is_away_the_rest_is_served_and_it_is_told(
    house: House, place: Neighbourhood, alice: Neighbour
) -> None:
    somebody, plan = place.somebody(), place.plan(alice)
    place.allow(alice, plan)
    assert ready(house)["away"] == {}
    for verb in ("hosts", "person"):
        house.world.fail_next(NEW, verb, Fault.DOWN, 1_000)
    house.turn()
    told = ready(house)
    assert (told["status"], told["away"]) == ("ready", {NEW: 1})
    assert f'openportability_servers_away{{network="{NEW}"}} 1' in numbers(house)
    page = somebody.browser.leave_for(NEW, somebody.new_handle)
    assert (page.status, "no answer from" in page.words) == (502, True)
    place.start(alice, plan)
    place.later()
    assert set(ledger(alice.browser).values()) == {"followed"}
    house.world.heal(NEW)
    followed_once(place, alice)
    house.turn()
    assert ready(house)["away"] == {}


def told_of_the_clock(house: House, alice: Neighbour, hours: int) -> bool:
    """Say whether everything tells that the clock was set by so much, or nothing does; fail for half."""
    told, seen = ready(house), numbers(house)
    wrong = {part for part, said in told["parts"].items() if said != "ok"}
    (set_by,) = re.findall(r"^openportability_clock_set_seconds (\S+)", seen, re.MULTILINE)
    on_page = "The clock of this site was set just now" in alice.browser.get("/reconnect").words
    if told["status"] == "ready":
        assert (wrong, float(set_by), on_page) == (set(), 0, False)
        assert 'openportability_up{part="clock"} 1' in seen
        return False
    assert (told["status"], wrong, on_page) == ("degraded", {"clock"}, True)
    assert float(set_by) == pytest.approx(hours * 3600, abs=60)
    assert 'openportability_up{part="clock"} 0' in seen
    return True


@pytest.mark.parametrize("hours", [-30, 24 * 400])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_clock_that_is_set_and_set_back_is_told_and_spoils_nothing(
    house: House, place: Neighbourhood, alice: Neighbour, hours: int
) -> None:
    place.allow(alice, place.plan(alice))
    assert not told_of_the_clock(house, alice, hours)
    house.clock.jump(hours=hours)
    # To such a clock a session may be old.
    alice.browser.sign_in(OLD, alice.old_handle)
    assert told_of_the_clock(house, alice, hours)
    # What fails while the clock is wrong is put off by the wrong clock.
    house.world.fail_next(NEW, "follow", Fault.DOWN, 2)
    place.reconnect(alice)
    assert told_of_the_clock(house, alice, hours)
    place.later(minutes=11)
    assert not told_of_the_clock(house, alice, hours)
    house.clock.jump(hours=-hours)
    assert told_of_the_clock(house, alice, -hours)
    house.turn()
    for _ in range(3):
        place.later(minutes=10)
    followed_once(place, alice)
    assert not told_of_the_clock(house, alice, hours)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_clock_that_was_set_back_while_nobody_worked_is_put_right_at_the_start(
    house: House,
) -> None:
    house.clock.jump(days=400)
    with house.site.db.write() as tx:
        store.note_worker(tx, house.clock.now())
        until_then = house.clock.now() + timedelta(hours=1)
        host_store.pause(tx, NetworkName(NEW), "herd.example", until_then)
    house.clock.jump(days=-400)
    house.turn()
    now = house.clock.now()
    with house.site.db.read() as tx:
        (rest,) = host_store.rests(tx, now)
    assert now < rest.until <= now + timedelta(hours=1)


#: Times at which something happened, and those at which something ends by itself.
HAPPENED = {"at", "asked_at", "confirmed_at", "created_at", "given_at", "imported_at", "seen_at"}
HAPPENED |= {"looked_at", "taken_at"}
ENDS = {"ends_at", "expires_at"}


def test_of_every_time_it_is_known_whether_it_waits_where_a_clock_goes_back() -> None:
    columns = {column.name for table in METADATA.sorted_tables for column in table.columns}
    times = {name for name in columns if re.search(r"(^|_)(at|until)$", name)}
    assert times == store.LATER | {store.LEASED} | HAPPENED | ENDS


def test_a_database_whose_machine_is_silent_is_taken_for_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"postgresql+psycopg://us@127.0.0.1:{silent.getsockname()[1]}/site"
        db = Database(f"{where}?connect_timeout=2")
        with pytest.raises(DBAPIError) as caught, db.read():
            raise AssertionError("nobody answers there")
        db.close()
    assert trouble(caught.value) is Trouble.AWAY
    patience = Database(where).url.query
    assert patience["connect_timeout"] == "5"
    # Where it took a question and fell silent nothing of ours waits to be sent: only what is sent to ask tells.
    assert {"tcp_user_timeout", "keepalives_idle", "keepalives_interval"} <= patience.keys()


def test_a_full_disk_is_known_as_such_past_all_layers(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "some.db")) as plain:
        plain.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.Error) as caught:
            plain.execute("CREATE TABLE room AS SELECT zeroblob(100000)")
    assert trouble(caught.value) is Trouble.NO_ROOM


def test_mistakes_of_ours_are_not_taken_for_trouble(db: Database) -> None:
    with pytest.raises(DBAPIError) as caught, db.read() as tx:
        tx.execute(text("SELECT nonsense FROM nowhere"))
    assert trouble(caught.value) is None
    assert trouble(OSError(errno.ENOSPC, "full")) is Trouble.NO_ROOM
    assert trouble(OSError(errno.ENOENT, "none")) is None
    assert trouble(ValueError()) is None
    assert trouble(sqlite3.ProgrammingError()) is None
