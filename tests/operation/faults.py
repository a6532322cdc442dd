"""Ways to take something away from a running site, and to give it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from sqlalchemy import Connection, event

from openportability.db.engine import Database
from openportability.db.schema import METADATA
from tests.house import House

#: What PostgreSQL says when its disk is full.
_FULL = """CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"""


@contextmanager
def full_disk(db: Database) -> Iterator[None]:
    """Let the database refuse what needs room, in its own words: SQLite new pages, PostgreSQL rows."""
    if db.dialect.name == "sqlite":
        with _no_new_pages(db):
            yield
        return
    tables = [table.name for table in METADATA.sorted_tables]
    with db.write() as tx:
        tx.connection.exec_driver_sql(_FULL)
        for name in tables:
            tx.connection.exec_driver_sql(
                f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {name} "
                "EXECUTE FUNCTION disk_is_full()"
            )
    try:
        yield
    finally:
        with db.write() as tx:
            tx.connection.exec_driver_sql("DROP FUNCTION disk_is_full CASCADE")


@contextmanager
def _no_new_pages(db: Database) -> Iterator[None]:
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # becomes: as many as there are

    def begun_again(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")

    engine = db.sqlalchemy_engine
    event.listen(engine, "begin", begun)
    try:
        yield
    finally:
        event.remove(engine, "begin", begun)
        event.listen(engine, "begin", begun_again)


@contextmanager
def working(house: House) -> Iterator[None]:
    """Let a worker be there for a while."""
    stop = Event()
    thread = Thread(target=house.site.engine.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()
