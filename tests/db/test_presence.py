"""Who lives and who is gone, on both databases."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from openportability.db.engine import Database

END_ALL_SESSIONS = text(
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
HOLD_A_NAME = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
#: Says its name, then waits for the end of its input.
OTHER = """
import sys
from openportability.db.engine import Database
print(Database(sys.argv[1]).presence.name(), flush=True)
sys.stdin.read()
"""
SRC = Path(__file__).resolve().parents[2] / "src"


@contextmanager
def another_process(url: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, url],
        env={"PYTHONPATH": str(SRC)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def until_gone(db: Database, name: str) -> None:
    """PostgreSQL sees the end of a session when it reads from it: a moment later."""
    give_up = time.monotonic() + 90
    while not db.presence.gone([name]):
        assert time.monotonic() < give_up, "it is still thought to live"


def test_who_lives_is_not_gone(db: Database, database_url: str) -> None:
    mine = db.presence.name()
    with another_process(database_url) as (name, _):
        assert db.presence.gone([name, mine]) == set()


def test_who_was_killed_is_gone(db: Database, database_url: str) -> None:
    with another_process(database_url) as (name, process):
        process.kill()
        process.wait()
        until_gone(db, name)
    assert name != db.presence.name()


def test_who_has_closed_is_gone(db: Database, database_url: str) -> None:
    other = Database(database_url)
    name = other.presence.name()
    assert db.presence.gone([name]) == set()
    other.close()
    until_gone(db, name)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_nobody_is_gone_because_the_database_was_restarted(db: Database) -> None:
    with closing(Database(db.url.render_as_string(hide_password=False))) as other:
        names = {db.presence.name(), other.presence.name()}
        with db.read() as tx:
            tx.execute(END_ALL_SESSIONS)
        for one in (db, other):
            for _ in range(3):
                assert one.presence.gone(names) == set()
        # Who claims next holds a session again, and not only who looks.
        with db.read() as tx:
            tx.execute(END_ALL_SESSIONS)
        other.presence.name()
        with db.read() as tx:
            assert tx.execute(HOLD_A_NAME).scalar_one() == 1


def test_a_name_lasts_as_long_as_the_process(db: Database) -> None:
    assert db.presence.name() == db.presence.name()


def test_nobody_that_was_ever_here_is_gone(db: Database) -> None:
    assert db.presence.gone(["123"]) == {"123"}


def test_killed_processes_leave_nothing_behind(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'some.db'}")
    with another_process(f"sqlite:///{tmp_path / 'some.db'}"):
        pass
    database.presence.name()
    assert len(list(tmp_path.glob("*-process-*"))) == 1
    database.close()
    assert not list(tmp_path.glob("*-process-*"))


def test_a_turn_is_taken_by_one_process_at_a_time(db: Database) -> None:
    with closing(Database(db.url.render_as_string(hide_password=False))) as other:
        alone = db.dialect.name == "postgresql"
        with db.presence.turn("one") as ours, other.presence.turn("one") as theirs:
            assert (ours, theirs) == (True, not alone)
            with other.presence.turn("two") as another:
                assert another
        with other.presence.turn("one") as theirs:
            assert theirs
