"""Migrations bring any database to what `db/schema.py` says, whoever starts first."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, Table, create_engine, inspect, select, text

from openportability.db import migrate
from openportability.db.columns import BY_PERSON
from openportability.db.engine import Database
from openportability.db.schema import METADATA, users
from openportability.errors import Misconfigured

ONE_OF_MANY = f"""
import sys
sys.path[:0] = {list(sys.path)!r}
from openportability.db import migrate
from openportability.db.engine import Database
database = Database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
migrate.upgrade(database)
print(migrate.current(database))
"""


PARTITIONS = text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
#: What the parts of a table answer to: by whose key, into how many, and that they hold all there is.
SPLIT = text("""
    SELECT pg_get_partkeydef(parent.oid) AS by, count(*) AS parts,
           bool_and(pg_get_expr(part.relpartbound, part.oid) LIKE '%modulus 8%') AS even
    FROM pg_class parent JOIN pg_inherits ON inhparent = parent.oid JOIN pg_class part ON part.oid = inhrelid
    WHERE parent.relkind = 'p' AND parent.relname = :name GROUP BY parent.oid
""")


def is_split(db: Database) -> bool:
    return db.dialect.name == "postgresql"


def key_of(table: Table, db: Database) -> list[str]:
    """Return the primary key: PostgreSQL's, where it splits a table, begins with what splits it."""
    key = [column.name for column in table.primary_key]
    by_person = is_split(db) and table.dialect_kwargs.get("postgresql_partition_by")
    return ["user_id", *key] if by_person and "user_id" not in key else key


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Database]:
    database = Database(empty_database_url)
    yield database
    database.close()


def test_an_empty_database_becomes_what_the_schema_says(empty: Database) -> None:
    assert migrate.current(empty) is None
    migrate.upgrade(empty)
    assert migrate.current(empty) == migrate.newest()
    with empty.read() as tx:
        partitions = set(tx.execute(PARTITIONS).scalars()) if is_split(empty) else set()
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_name": lambda name, kind, _: kind != "table" or name not in partitions,
        }
        context = MigrationContext.configure(tx.connection, opts=options)
        assert compare_metadata(context, METADATA) == []


def test_primary_keys_and_what_happens_on_delete_are_as_the_schema_says(db: Database) -> None:
    found = inspect(db.sqlalchemy_engine)
    for table in METADATA.sorted_tables:
        key = found.get_pk_constraint(table.name)
        assert key["constrained_columns"] == key_of(table, db)
        on_delete = {
            tuple(foreign["constrained_columns"]): foreign["options"].get("ondelete")
            for foreign in found.get_foreign_keys(table.name)
        }
        for foreign in table.foreign_key_constraints:
            assert on_delete.pop(tuple(foreign.column_keys)) == foreign.ondelete
        assert on_delete == {}


def test_tables_are_word_for_word_those_that_the_schema_would_create(tmp_path: Path) -> None:
    migrated = Database(f"sqlite:///{tmp_path}/migrated.db")
    migrate.upgrade(migrated)
    created = create_engine(f"sqlite:///{tmp_path}/created.db")
    METADATA.create_all(created)
    assert _statements(migrated.sqlalchemy_engine) == _statements(created)
    migrated.close()
    created.dispose()


def test_lists_matches_and_ledger_are_split_by_person(db: Database) -> None:
    by_person = {
        table.name
        for table in METADATA.sorted_tables
        if table.dialect_kwargs.get("postgresql_partition_by") == BY_PERSON
    }
    assert by_person == {"follow_lists", "match_sets", "reconnections"}
    with db.read() as tx:
        for name in by_person if is_split(db) else ():
            assert tx.execute(SPLIT, {"name": name}).one() == (BY_PERSON, 8, True)
            table = METADATA.tables[name]
            plan = tx.dialect.explain(tx, select(table).where(table.c.user_id == 5))
            assert (
                len(set(re.findall(rf"{name}_\d", plan))) == 1
            )  # who asks for one person asks one part


def test_an_id_is_never_given_out_again(db: Database) -> None:
    row = {"locale": "en", "found": "anyone", "standing": "off", "pace": "normal"}
    add = users.insert().values(seen_at=0, created_at=0, **row).returning(users.c.id)
    ids = []
    for _ in range(2):
        with db.write() as tx:
            ids.append(tx.execute(add).scalar_one())
            tx.execute(users.delete())
    assert ids[0] < ids[1]


def test_upgrading_again_keeps_everything(db: Database) -> None:
    with db.write() as tx:
        tx.dialect.next_seq(tx, "kept")
    migrate.upgrade(db)
    with db.write() as tx:
        assert tx.dialect.next_seq(tx, "kept") == 2


def test_a_database_that_a_newer_program_brought_further_is_left_alone(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = 'from the future'"))
    migrate.upgrade(db)
    assert migrate.current(db) == "from the future"
    assert "database_is_newer" in caplog.messages


@pytest.mark.slow
def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    command = [sys.executable, "-c", ONE_OF_MANY, empty_database_url]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True))
            for _ in range(2)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", process.communicate()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            out, errors = process.communicate(timeout=30)
            assert (out.strip(), process.returncode) == (migrate.newest(), 0), errors


def test_a_failed_migration_leaves_nothing_behind(empty: Database) -> None:
    alone = empty.dialect.alone(empty.sqlalchemy_engine)
    with suppress(ZeroDivisionError), alone as connection:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        raise ZeroDivisionError
    assert inspect(empty.sqlalchemy_engine).get_table_names() == []
    migrate.upgrade(empty)


def test_a_migration_may_copy_a_table_that_others_refer_to(tmp_path: Path) -> None:
    database = _with_a_child(tmp_path)
    with database.dialect.alone(database.sqlalchemy_engine) as connection:
        connection.execute(text("CREATE TABLE copy (id INTEGER PRIMARY KEY, more TEXT)"))
        connection.execute(text("INSERT INTO copy (id) SELECT id FROM parent"))
        connection.execute(text("DROP TABLE parent"))
        connection.execute(text("ALTER TABLE copy RENAME TO parent"))
    with database.read() as tx:
        assert tx.execute(text("SELECT parent_id FROM child")).scalar_one() == 1
        assert tx.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        assert tx.execute(text("PRAGMA busy_timeout")).scalar_one() == 10_000
    database.close()


def test_a_migration_that_loses_what_rows_refer_to_changes_nothing(tmp_path: Path) -> None:
    database = _with_a_child(tmp_path)
    with pytest.raises(Misconfigured, match="rows of child"):
        _lose_the_parents(database)
    with database.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM parent")).scalar_one() == 1
    database.close()


def _with_a_child(folder: Path) -> Database:
    database = Database(f"sqlite:///{folder}/child.db")
    with database.write() as tx:
        tx.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        tx.execute(text("CREATE TABLE child (parent_id INTEGER REFERENCES parent(id))"))
        tx.execute(text("INSERT INTO parent VALUES (1)"))
        tx.execute(text("INSERT INTO child VALUES (1)"))
    return database


def _lose_the_parents(database: Database) -> None:
    with database.dialect.alone(database.sqlalchemy_engine) as connection:
        connection.execute(text("DELETE FROM parent"))


def _statements(engine: Engine) -> set[str]:
    """Return the statements of a SQLite file, constraints in any order."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'")
        )
        return {
            "\n".join(sorted(line.strip().rstrip(",") for line in row.sql.splitlines()))
            for row in rows
        }
