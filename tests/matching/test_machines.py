"""Machines that share a database and a place for files share one segment, made by one of them."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import IO

import pytest

from lab import servers
from openportability.accounts import line_store
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import UserId
from openportability.files import Files, place
from openportability.matching import segments, store
from openportability.matching.holders import who_lists
from openportability.matching.segments import Segments
from openportability.operator import health
from openportability.settings import Settings
from openportability.site import Memory, Site
from tests import cast
from tests.cast import OLD

#: SQLite is of one machine. One server that speaks S3 for all tests.
pytestmark = [
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
    pytest.mark.xdist_group("real"),
]
OWNERS = range(1, 6)

#: A worker elsewhere that gets as far as half a file.
KILLED = """
import sys, time
from contextlib import contextmanager
from pathlib import Path
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.files import Folder
from openportability.matching import segments
from dataclasses import replace
from tests import cast

class Halfway(Folder):
    @contextmanager
    def new(self, name):
        with super().new(name) as file:
            file.write(b"half")
            file.flush()
            print("half", flush=True)
            time.sleep(600)
            yield file

url, folder = sys.argv[1:]
given = {"OPENPORTABILITY_DATA_DIR": folder, "OPENPORTABILITY_SEGMENTS_FROM_LINKS": "10"}
site = cast.make_site(Database(url), MovedClock(), given=given)
segments.tend(replace(site, files=Halfway(Path(folder))))
"""

Machine = Callable[[str], Site]


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.real)])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Settings of a place that machines share."""
    if request.param == "folder":
        (tmp_path / "shared").mkdir()
        return {"OPENPORTABILITY_FILES_URL": (tmp_path / "shared").as_uri()}
    server: servers.S3 = request.getfixturevalue("s3")
    return {
        "OPENPORTABILITY_FILES_URL": f"s3://kept/{secrets.token_hex(4)}",
        "OPENPORTABILITY_FILES_ENDPOINT": server.url,
    }


@pytest.fixture
def machine(
    database_url: str, db: Database, clock: MovedClock, tmp_path: Path, shared: dict[str, str]
) -> Iterator[Machine]:
    """Make a machine with a data directory of its own. Five people follow 50, who is there as well."""
    site = cast.make_site(db, clock)
    for number in OWNERS:
        cast.bring(site, cast.join(site, OLD, number).user, OLD, following=[50, *range(100, 109)])
    cast.join(site, OLD, 50)
    opened: list[Database] = []

    def made(name: str) -> Site:
        (tmp_path / name).mkdir()
        opened.append(Database(database_url))
        settings = Settings.read(
            {
                "OPENPORTABILITY_DATA_DIR": str(tmp_path / name),
                "OPENPORTABILITY_SEGMENTS_FROM_LINKS": "10",
                **shared,
            }
        )
        return replace(
            site, settings=settings, db=opened[-1], files=place(settings), memory=Memory()
        )

    yield made
    for one in opened:
        one.close()


def who_follows_50(site: Site) -> set[UserId]:
    with site.db.read() as tx:
        lines = [line for line in line_store.listed_since(tx, 0) if line.key == 50]
    return {UserId(owner) for owner in who_lists(site, lines).owners.tolist()}


def mark(site: Site) -> int:
    with site.db.read() as tx:
        return store.cursor(tx, store.SEGMENT)


def test_what_one_machine_made_spares_the_other_the_pass(
    machine: Machine, clock: MovedClock
) -> None:
    first, second = machine("first"), machine("second")
    by_lists = who_follows_50(second)
    assert len(by_lists) == len(OWNERS)
    segments.tend(first)
    segment = second.memory.of(Segments).current(second)
    assert segment is not None
    assert segment.head.mark == mark(first)
    assert who_follows_50(second) == by_lists
    # Nothing is made again, nor another generation left, because there are two.
    segments.tend(second)
    assert mark(second) == segment.head.mark
    late = cast.join(second, OLD, 9).user
    cast.bring(second, late, OLD, following=[50])
    clock.forward(hours=22)
    segments.tend(second)
    newer = first.memory.of(Segments).current(first)
    assert newer is not None
    assert newer.head.mark == mark(second) != segment.head.mark
    assert who_follows_50(first) == {*by_lists, late}
    clock.forward(hours=1)
    segments.tend(first)
    assert first.files.names() == [segments.name(mark(first))]


@dataclass(frozen=True)
class Slow:
    """Files that tell when one is begun, and wait before it is there."""

    files: Files
    begun: Event
    goes_on: Event

    @contextmanager
    def new(self, name: str) -> Iterator[IO[bytes]]:
        with self.files.new(name) as file:
            self.begun.set()
            assert self.goes_on.wait(30)
            yield file

    def open(self, name: str) -> IO[bytes]:
        return self.files.open(name)

    def has(self, name: str) -> bool:
        return self.files.has(name)

    def names(self) -> list[str]:
        return list(self.files.names())

    def remove(self, name: str) -> None:
        self.files.remove(name)


def test_of_two_for_whom_one_is_due_one_makes_it(machine: Machine) -> None:
    begun, goes_on = Event(), Event()
    first, second = machine("first"), machine("second")
    slow = replace(first, files=Slow(first.files, begun, goes_on))
    building = Thread(target=segments.tend, args=[slow])
    building.start()
    assert begun.wait(30)
    segments.tend(second)
    # Nobody reads half of one.
    assert mark(second) == 0
    assert who_follows_50(second) != set()
    goes_on.set()
    building.join()
    segments.tend(second)
    assert second.files.names() == [segments.name(mark(second))]
    assert second.memory.of(Segments).current(second) is not None


@pytest.mark.parametrize("shared", ["folder"], indirect=True)
def test_when_one_is_killed_the_next_makes_it(
    machine: Machine, database_url: str, tmp_path: Path, clock: MovedClock
) -> None:
    second = machine("second")
    command = [sys.executable, "-c", KILLED, database_url, str(tmp_path / "shared")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "half\n"
        segments.tend(second)
        assert mark(second) == 0
        killed.kill()
    for _ in range(500):
        # The database sees the end of a session in a moment, not at once.
        segments.tend(second)
        if mark(second):
            break
    assert second.memory.of(Segments).current(second) is not None
    clock.forward(hours=1)
    segments.tend(second)
    assert second.files.names() == [segments.name(mark(second))]


@pytest.mark.parametrize("shared", ["folder"], indirect=True)
def test_while_the_files_are_away_lists_are_read_and_it_is_told(
    machine: Machine, tmp_path: Path
) -> None:
    first, second = machine("first"), machine("second")
    segments.tend(first)
    kept = mark(first)
    (tmp_path / "shared").rename(tmp_path / "unmounted")
    assert len(who_follows_50(second)) == len(OWNERS)
    segments.tend(second)
    told = health.parts(second)["files"]
    assert told.startswith("cannot be read or written since ")
    assert "files" in health.LESSER
    (tmp_path / "unmounted").rename(tmp_path / "shared")
    segments.tend(first)
    assert health.parts(second)["files"] == health.OK
    # It is not asked for each batch whether it is back.
    assert second.memory.of(Segments).current(second) is None
    restarted = replace(second, memory=Memory())
    assert restarted.memory.of(Segments).current(restarted) is not None
    assert mark(second) == kept


@pytest.mark.parametrize("shared", ["s3"], indirect=True)
def test_a_bucket_that_goes_away_leaves_what_was_read(machine: Machine, tmp_path: Path) -> None:
    first, second = machine("first"), machine("second")
    segments.tend(first)
    held = second.memory.of(Segments).current(second)
    assert held is not None
    (port,) = servers.free_ports(1)
    away = Settings.read(
        {
            "OPENPORTABILITY_DATA_DIR": str(tmp_path),
            "OPENPORTABILITY_FILES_URL": "s3://kept/away",
            "OPENPORTABILITY_FILES_ENDPOINT": f"http://127.0.0.1:{port}",
        }
    )
    second = replace(second, files=place(away))
    assert second.memory.of(Segments).current(second) is held
    third = replace(machine("third"), files=place(away))
    assert who_follows_50(third) == who_follows_50(second)
    segments.tend(third)
    assert health.parts(first)["files"] != health.OK


def test_what_lies_there_tells_a_thief_nothing(machine: Machine) -> None:
    first = machine("first")
    segments.tend(first)
    (name,) = first.files.names()
    with first.files.open(name) as file:
        stolen = file.read()
    for number in (50, *range(100, 109)):
        hashed = number * 0x9E3779B97F4A7C15 % 2**64
        assert hashed.to_bytes(8, "little") not in stolen
        assert number.to_bytes(8, "little") not in stolen
