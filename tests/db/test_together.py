"""Threads that come at the same time share a transaction, and nobody pays for another one's mistake."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import insert, select

from openportability.db.engine import Database, Tx
from openportability.db.schema import counters
from openportability.db.together import Together

BAD = "bad"


class Notes:
    """Writes names down, so many at once; the first batch waits until it is let go."""

    def __init__(self, db: Database) -> None:
        self.batches: list[list[str]] = []
        self.begun, self.go_on = Event(), Event()
        self.together: Together[str, int] = Together(db, self.write)

    def write(self, tx: Tx, names: Sequence[str]) -> list[int]:
        self.batches.append(list(names))
        if len(self.batches) == 1:
            self.begun.set()
            self.go_on.wait()
        tx.execute(insert(counters), [{"name": name, "n": len(name)} for name in names])
        if BAD in names:
            raise ValueError(BAD)
        return [len(name) for name in names]


def written(db: Database) -> set[str]:
    with db.read() as tx:
        return set(tx.execute(select(counters.c.name)).scalars())


def test_one_alone_is_written_at_once(db: Database) -> None:
    notes = Notes(db)
    notes.go_on.set()
    assert notes.together.do("one") == 3
    assert written(db) == {"one"}


def test_who_comes_meanwhile_shares_the_next_transaction_and_one_mistake_is_one_s_own(
    db: Database,
) -> None:
    notes = Notes(db)
    names = ["second", BAD, "third"]
    with ThreadPoolExecutor() as threads:
        first = threads.submit(notes.together.do, "first")
        notes.begun.wait()
        rest = [threads.submit(notes.together.do, name) for name in names]
        while len(notes.together.waiting) < len(names):
            pass
        notes.go_on.set()
        assert first.result() == 5
        assert [rest[0].result(), rest[2].result()] == [6, 5]
        with pytest.raises(ValueError, match=BAD):
            rest[1].result()
    assert written(db) == {"first", "second", "third"}
    assert sorted(notes.batches[1]) == sorted(names)
