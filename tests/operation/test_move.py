"""Everything moves to another database, as it is, or nothing does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import delete, insert, update

from openportability.clock import MovedClock
from openportability.db import migrate, move
from openportability.db.engine import Database
from openportability.db.schema import METADATA, counters, sessions, users
from openportability.domain import UserId
from openportability.errors import Misconfigured
from openportability.site import Site
from tests.cast import NEW, OLD, bring, join, make_site, seen_by

#: From each kind to the other.
pytestmark = pytest.mark.parametrize(
    ("database_url", "empty_database_url"),
    [("sqlite", "postgresql"), ("postgresql", "sqlite")],
    indirect=True,
)


@pytest.fixture
def other(empty_database_url: str) -> Iterator[Database]:
    """A database without tables."""
    database = Database(empty_database_url.replace("openportability.db", "other.db"))
    yield database
    database.close()


@pytest.fixture
def lived_in(db: Database, clock: MovedClock) -> tuple[Site, UserId]:
    """A site with six people who found each other, and one who came and left."""
    site = make_site(db, clock)
    people = [join(site, OLD, number) for number in range(1, 7)]
    for number, one in enumerate(people, start=1):
        join(site, NEW, number, user=one.user)
        bring(site, one.user, OLD, following=range(1, 7), followers=range(1, 4))
    site.engine.turn()
    with db.write() as tx:
        left = {"locale": "fr", "found": "nobody", "standing": "off", "pace": "normal"}
        last = tx.execute(
            insert(users).values(seen_at=0, created_at=0, **left).returning(users.c.id)
        ).scalar_one()
        tx.execute(delete(users).where(users.c.id == last))
    return site, people[0].user


def test_the_site_goes_on_in_the_new_database(
    lived_in: tuple[Site, UserId], other: Database
) -> None:
    site, alice = lived_in
    before = seen_by(site, alice)
    assert len(before) == 5
    moved = move.move(site.db, other)
    assert set(moved) == set(METADATA.tables)
    assert (moved["users"].rows, moved["accounts"].rows, moved["match_sets"].rows) == (6, 12, 6)
    there = make_site(other, site.clock)
    there = replace(there, vault=site.vault)
    assert seen_by(there, alice) == before


def test_an_id_that_was_given_out_once_is_not_given_out_again(
    lived_in: tuple[Site, UserId], other: Database
) -> None:
    site, alice = lived_in
    move.move(site.db, other)
    with site.db.read() as old, other.read() as new:
        last = {
            name: old.dialect.last_id(old, METADATA.tables[name])
            for name in ("users", "accounts", "sessions")
        }
        assert last["users"] == alice + 6
        assert last["sessions"] == 0
        for name, number in last.items():
            assert new.dialect.last_id(new, METADATA.tables[name]) == number
    with other.write() as tx:
        row = {"locale": "en", "found": "anyone", "standing": "off", "pace": "normal"}
        add = insert(users).values(seen_at=0, created_at=0, **row).returning(users.c.id)
        assert tx.execute(add).scalar_one() == last["users"] + 1
        first = {"token_hash": b"t", "user_id": alice, "kind": "api", "name": "n"}
        times = {"created_at": 0, "seen_at": 0, "expires_at": 0}
        add = insert(sessions).values(**first, **times).returning(sessions.c.id)
        assert tx.execute(add).scalar_one() == 1


def test_a_database_that_holds_anything_is_refused(
    lived_in: tuple[Site, UserId], other: Database
) -> None:
    site, _ = lived_in
    migrate.upgrade(other)
    with other.write() as tx:
        tx.execute(insert(counters).values(name="mine", n=7))
    with pytest.raises(Misconfigured, match="not empty: there are rows in counters"):
        move.move(site.db, other)
    with other.read() as tx:
        assert move.contents(tx, users).rows == 0


def test_a_database_of_an_older_revision_is_not_moved(db: Database, other: Database) -> None:
    with db.write() as tx:
        tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'before'")
    with pytest.raises(Misconfigured, match="run openportability migrate first"):
        move.move(db, other)
    assert migrate.current(other) is None


def test_a_move_that_breaks_off_leaves_nothing_and_can_begin_again(
    lived_in: tuple[Site, UserId], other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _ = lived_in
    real = move.contents
    monkeypatch.setattr(move, "contents", lambda tx, table: move.Contents(rows=0, digest="other"))
    with pytest.raises(Misconfigured, match="nothing was kept"):
        move.move(site.db, other)
    monkeypatch.setattr(move, "contents", real)
    with other.read() as tx:
        assert real(tx, users).rows == 0
    assert move.move(site.db, other)["users"].rows == 6


def test_one_changed_letter_changes_the_digest(
    lived_in: tuple[Site, UserId], other: Database
) -> None:
    site, alice = lived_in
    with site.db.read() as tx:
        before = move.contents(tx, users)
    with site.db.write() as tx:
        tx.execute(update(users).where(users.c.id == alice).values(locale="eN"))
    with site.db.read() as tx:
        after = move.contents(tx, users)
    assert (before.rows, before.digest == after.digest) == (after.rows, False)
