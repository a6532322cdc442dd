"""The only two ways to a transaction keep what they promise."""

from __future__ import annotations

import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path
from threading import Barrier, Timer

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError, InternalError

from openportability.db.engine import Database
from openportability.db.schema import counters, user_keys


def test_a_block_that_ends_well_is_kept_and_one_that_raises_is_not(db: Database) -> None:
    with db.write() as tx:
        tx.execute(insert(counters).values(name="kept", n=1))
    with suppress(ZeroDivisionError), db.write() as tx:
        tx.execute(insert(counters).values(name="dropped", n=1))
        raise ZeroDivisionError
    with db.read() as tx:
        assert tx.execute(select(counters.c.name)).scalars().all() == ["kept"]


def test_effects_happen_after_the_commit_and_never_after_a_rollback(db: Database) -> None:
    seen: list[int] = []

    def look() -> None:
        with db.read() as tx:
            seen.append(len(tx.execute(select(counters)).all()))

    with db.write() as tx:
        tx.execute(insert(counters).values(name="one", n=1))
        tx.after(look)
        assert seen == []
    assert seen == [1]
    with suppress(ZeroDivisionError), db.write() as tx:
        tx.after(look)
        raise ZeroDivisionError
    assert seen == [1]


def test_an_effect_that_fails_is_logged_and_the_others_happen(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []
    with db.write() as tx:
        tx.after(lambda: done.append("first"))
        tx.after(lambda: done.append(str(1 // 0)))
        tx.after(lambda: done.append("last"))
    assert done == ["first", "last"]
    assert [record.message for record in caplog.records] == ["effect_failed"]


def test_a_reader_sees_one_state_while_others_write(db: Database) -> None:
    with db.write() as tx:
        tx.execute(insert(counters).values(name="one", n=1))
    with db.read() as reader:
        assert reader.execute(select(counters.c.n)).scalar_one() == 1
        with db.write() as writer:
            writer.execute(update(counters).values(n=2))
        assert reader.execute(select(counters.c.n)).scalar_one() == 1
    with db.read() as reader:
        assert reader.execute(select(counters.c.n)).scalar_one() == 2


def test_what_a_reader_writes_is_never_kept(db: Database) -> None:
    refuses = pytest.raises(InternalError) if db.dialect.name == "postgresql" else nullcontext()
    with refuses, db.read() as tx:
        tx.execute(insert(counters).values(name="one", n=1))
    with db.read() as tx:
        assert tx.execute(select(counters)).all() == []


def test_many_writers_wait_for_each_other(db: Database) -> None:
    with db.write() as tx:
        tx.execute(insert(counters).values(name="one", n=0))
    together = Barrier(4)

    def add() -> None:
        together.wait(10)
        for _ in range(5):
            with db.write() as tx:
                tx.execute(update(counters).values(n=counters.c.n + 1))

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(add) for _ in range(4)]:
            done.result()
    with db.read() as tx:
        assert tx.execute(select(counters.c.n)).scalar_one() == 20


def test_a_row_cannot_refer_to_a_user_who_is_not_there(db: Database) -> None:
    with pytest.raises(IntegrityError), db.write() as tx:
        tx.execute(insert(user_keys).values(user_id=404, wrapped=b""))


def test_an_error_of_the_database_tells_no_values(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(IntegrityError) as raised, db.write() as tx:
        tx.execute(insert(user_keys).values(user_id=404, wrapped=b"very secret"))
    assert "very secret" not in str(raised.value)
    assert "very secret" not in caplog.text


def test_a_new_file_that_another_process_is_writing_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE a (b)")
    done = Timer(0.2, other.execute, ["COMMIT"])
    done.start()
    database = Database(f"sqlite:///{path}")
    with database.read() as tx:
        assert tx.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    database.close()
    done.join()
    other.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_that_ended_while_nobody_used_it_is_replaced(
    db: Database, database_url: str
) -> None:
    with db.read() as tx:
        used = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = Database(database_url)
    with other.read() as tx:
        # Returns when it is gone.
        ended = text("SELECT pg_terminate_backend(:pid, 10000)")
        assert tx.execute(ended, {"pid": used}).scalar_one()
    other.close()
    with db.read() as tx:
        assert tx.execute(text("SELECT pg_backend_pid()")).scalar_one() != used


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_is_asked_often_is_sent_once_and_planned_each_time(db: Database) -> None:
    known = text(
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement ~ 'counters'"
    )
    for _ in range(20):
        with db.read() as tx:
            tx.execute(select(counters.c.n).where(counters.c.name == "one")).all()
    with db.read() as tx:
        plans = tx.execute(known).one()
    assert plans.generic_plans == 0
    assert plans.custom_plans > 5


def test_a_single_statement_is_a_transaction_by_itself(db: Database) -> None:
    with db.write(single=True) as tx:
        tx.execute(insert(counters).values(name="one", n=1))
        with pytest.raises(RuntimeError):
            tx.execute(insert(counters).values(name="another", n=1))
    with db.read(single=True) as tx:
        assert tx.execute(select(counters.c.name)).scalars().all() == ["one"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_each_transaction_begins_as_it_is_meant_whatever_was_before(database_url: str) -> None:
    manner = text(
        "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"
    )
    database = Database(database_url, pool_size=1)
    told = []
    for transaction in (database.read, database.write) * 2:
        for single in (False, True):
            with transaction(single=single) as tx:
                told.append(tuple(tx.execute(manner).one()))
    database.close()
    usual = ("read committed", "off")
    assert told == [("repeatable read", "on"), usual, usual, usual] * 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_single_statement_is_kept_without_asking_again(db: Database) -> None:
    with db.write(single=True) as tx:
        tx.execute(insert(counters).values(name="one", n=1))
        with db.read() as other:
            assert other.execute(select(counters.c.n)).scalar_one() == 1
