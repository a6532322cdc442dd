"""Each verb means the same on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import Column, delete, insert, select, update

from openportability.db.engine import Database
from openportability.db.schema import accounts, cabinet, counters, flows, lanes, users


def numbers(db: Database, **values: int) -> None:
    with db.write() as tx:
        tx.execute(insert(counters), [{"name": name, "n": n} for name, n in values.items()])


def all_numbers(db: Database) -> dict[str, int]:
    with db.read() as tx:
        return {row.name: row.n for row in tx.execute(select(counters))}


def add_lanes(db: Database, count: int) -> None:
    with db.write() as tx:
        user = {"locale": "en", "found": "anyone", "standing": "off", "pace": "normal"}
        tx.execute(insert(users).values(id=1, seen_at=0, created_at=0, **user))
        where = {"user_id": 1, "network": "n", "instance": "i"}
        for n in range(1, count + 1):
            account = {"id": n, "actor_id": str(n), "key": n, "proof": "proved", "seq": n}
            account |= {"handle": "h", "name": "", "seen_at": 0}
            tx.execute(insert(accounts).values(**where, **account))
            lane = {"account_id": n, "state": "open", "next_at": n, "spent": "[]"}
            tx.execute(insert(lanes).values(**where, **lane, failures=0))


def test_among_finds_numbers_of_64_bits(db: Database) -> None:
    numbers(db, low=-(2**63), small=7, high=2**63 - 1)
    with db.read() as tx:
        chosen = tx.dialect.among(counters.c.n, [2**63 - 1, -(2**63), 5])
        found = tx.execute(select(counters.c.name).where(chosen)).scalars()
        assert sorted(found) == ["high", "low"]


def test_among_finds_any_text(db: Database) -> None:
    names = ["plain", "it's", 'a "quoted" one', "back\\slash", "é 漢字 🙂", "[1]", ""]
    numbers(db, **dict.fromkeys(names, 1), other=1)
    with db.read() as tx:
        chosen = tx.dialect.among(counters.c.name, names)
        assert sorted(tx.execute(select(counters.c.name).where(chosen)).scalars()) == sorted(names)


def test_among_finds_bytes_of_any_length(db: Database) -> None:
    values = [b"", b"\x00", b"\x00\xff", b"'", bytes(range(256)), b"abc"]
    with db.write() as tx:
        rows = [{"state_hash": v, "sealed": b"", "expires_at": 0} for v in [*values, b"ab", b"c"]]
        tx.execute(insert(flows), rows)
    with db.read() as tx:
        chosen = tx.dialect.among(flows.c.state_hash, values)
        found = tx.execute(select(flows.c.state_hash).where(chosen)).scalars()
        assert sorted(found) == sorted(values)


def test_among_no_values_finds_nothing_and_its_opposite_everything(db: Database) -> None:
    numbers(db, one=1, two=2)
    with db.read() as tx:
        none = tx.dialect.among(counters.c.n, [])
        assert tx.execute(select(counters.c.name).where(none)).all() == []
        assert len(tx.execute(select(counters.c.name).where(~none)).all()) == 2
        not_two = ~tx.dialect.among(counters.c.n, [2])
        assert tx.execute(select(counters.c.name).where(not_two)).scalars().all() == ["one"]


def test_among_takes_more_values_than_a_statement_has_parameters(db: Database) -> None:
    numbers(db, here=99_999, not_here=100_000)
    with db.read() as tx:
        chosen = tx.dialect.among(counters.c.n, range(100_000))
        assert tx.execute(select(counters.c.name).where(chosen)).scalars().all() == ["here"]


@pytest.mark.parametrize("column", [counters.c.n, counters.c.name], ids=["numbers", "text"])
def test_a_statement_put_together_once_takes_other_values_each_time(
    db: Database, column: Column[Any]
) -> None:
    numbers(db, **{"1": 1, "2": 2, "it's": 3})
    with db.read() as tx:
        wanted = select(column).where(tx.dialect.among_given(column, "these")).order_by(column)
        every = tx.execute(select(column).order_by(column)).scalars().all()
        for values in (every, every[1:], every[:1], []):
            assert tx.execute(wanted, {"these": values}).scalars().all() == values


def test_two_sets_in_one_statement_stay_apart(db: Database) -> None:
    numbers(db, a=1, b=2, c=3)
    with db.read() as tx:
        names = tx.dialect.among(counters.c.name, ["a", "b"])
        values = tx.dialect.among(counters.c.n, [2, 3])
        found = tx.execute(select(counters.c.name).where(names, values)).scalars().all()
        assert found == ["b"]


@pytest.mark.parametrize("kind", ["numbers", "bytes"])
def test_among_uses_the_index_of_its_column(db: Database, kind: str) -> None:
    with db.write() as tx:
        rows = [{"state_hash": n.to_bytes(8), "sealed": b"", "expires_at": n} for n in range(2_000)]
        tx.execute(insert(flows), rows)
    with db.write() as tx:
        tx.connection.exec_driver_sql("ANALYZE")
        column = flows.c.expires_at if kind == "numbers" else flows.c.state_hash
        chosen = tx.dialect.among(column, [5, 6] if kind == "numbers" else [b"5", b"6"])
        plan = tx.dialect.explain(tx, select(flows.c.sealed).where(chosen))
        first = plan.splitlines()[0]
        assert ("SEARCH flows USING INDEX" in first) or ("Index Scan" in first)


def test_the_first_rows_of_several_kinds_are_taken_for_each_row_beside_them(db: Database) -> None:
    add_lanes(db, 6)
    mine = lanes.alias("mine")
    of_user = mine.c.user_id == users.c.id
    kinds = [
        select(mine).where(of_user, mine.c.account_id > 3).order_by(mine.c.account_id.desc()),
        select(mine).where(of_user, mine.c.account_id <= 3).order_by(mine.c.account_id),
    ]
    with db.read() as tx:
        chosen = [kind.limit(2) for kind in kinds]
        for user, expected in ((1, [1, 2, 5, 6]), (2, [])):
            meant = tx.dialect.among(users.c.id, [user])
            found = tx.execute(tx.dialect.firsts(chosen, lanes.c.account_id, users, meant))
            assert sorted(row.account_id for row in found) == expected


def test_upsert_changes_only_what_it_is_told(db: Database) -> None:
    row = {"network": "n", "instance": "i", "name": "app"}
    with db.write() as tx:
        verb = tx.dialect.upsert(
            cabinet, key=["network", "instance", "name"], change=["sealed", "lease"]
        )
        tx.execute(verb, [{**row, "sealed": b"old", "lease": "a", "lease_until": 1}])
        tx.execute(verb, [{**row, "sealed": b"new", "lease": None, "lease_until": 2}])
        kept = tx.execute(select(cabinet)).one()
        assert tuple(kept) == ("n", "i", "app", b"new", None, 1, None)


def test_upsert_with_nothing_to_change_keeps_the_row(db: Database) -> None:
    numbers(db, one=1)
    with db.write() as tx:
        tx.execute(tx.dialect.upsert(counters, key=["name"], change=[]).values(name="one", n=9))
    assert all_numbers(db) == {"one": 1}


def test_insert_missing_returns_only_what_was_new(db: Database) -> None:
    numbers(db, one=1)
    with db.write() as tx:
        verb = tx.dialect.insert_missing(counters, ["name"]).returning(counters.c.name)
        rows = [{"name": name, "n": 5} for name in ("one", "two", "three", "two")]
        assert sorted(tx.execute(verb, rows).scalars()) == ["three", "two"]
    assert all_numbers(db) == {"one": 1, "two": 5, "three": 5}


def test_a_sequence_counts_from_one_and_a_rollback_gives_numbers_back(db: Database) -> None:
    with db.write() as tx:
        assert [tx.dialect.next_seq(tx, "a") for _ in range(3)] == [1, 2, 3]
        assert tx.dialect.next_seq(tx, "b") == 1
    with suppress(ZeroDivisionError), db.write() as tx:
        assert tx.dialect.next_seq(tx, "a") == 4
        raise ZeroDivisionError
    with db.write() as tx:
        assert tx.dialect.next_seq(tx, "a") == 4


def test_a_reader_of_a_sequence_sees_no_gap_while_others_write(db: Database) -> None:
    def write(worker: int) -> None:
        for n in range(12):
            with db.write() as tx:
                state = f"{worker}-{n}".encode()
                seq = tx.dialect.next_seq(tx, "flows")
                tx.execute(insert(flows).values(state_hash=state, sealed=b"", expires_at=seq))

    def look() -> list[int]:
        with db.read() as tx:
            return list(tx.execute(select(flows.c.expires_at)).scalars())

    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write, worker) for worker in range(4)]
        while not all(writer.done() for writer in writers):
            seen = look()
            assert sorted(seen) == list(range(1, len(seen) + 1))
        for writer in writers:
            writer.result()
    assert sorted(look()) == list(range(1, 49))


def test_each_row_is_claimed_by_one_of_many_workers(db: Database) -> None:
    add_lanes(db, 30)

    def claim_all(worker: str) -> list[int]:
        claimed: list[int] = []
        while True:
            with db.write() as tx:
                due = select(lanes.c.account_id).where(lanes.c.lease.is_(None)).limit(3)
                chosen = lanes.c.account_id.in_(tx.dialect.for_update(due))
                claim = update(lanes).where(chosen, lanes.c.lease.is_(None)).values(lease=worker)
                batch = tx.execute(claim.returning(lanes.c.account_id)).scalars().all()
            if not batch:
                return claimed
            claimed += batch

    with ThreadPoolExecutor(4) as threads:
        claims = list(threads.map(claim_all, "abcd"))
    assert sorted(chain.from_iterable(claims)) == list(range(1, 31))


def test_rows_that_another_transaction_holds_are_passed_over(db: Database) -> None:
    add_lanes(db, 2)
    first = select(lanes.c.account_id).order_by(lanes.c.account_id).limit(1)
    if db.dialect.name == "sqlite":  # its one writer holds everything
        assert db.dialect.for_update(first) is first
        return
    with db.write() as one, db.write() as two:
        assert one.execute(one.dialect.for_update(first)).scalar_one() == 1
        assert two.execute(two.dialect.for_update(first)).scalar_one() == 2


def test_a_plan_is_told_for_changes_too(db: Database) -> None:
    numbers(db, one=1)
    with db.write() as tx:
        for statement in (
            update(counters).where(counters.c.name == "one").values(n=2),
            delete(counters).where(counters.c.name == "one").returning(counters.c.n),
            tx.dialect.upsert(counters, key=["name"], change=["n"]).values(name="one", n=3),
        ):
            plan = tx.dialect.explain(tx, statement)
            assert tx.dialect.name == "sqlite" or "counters" in plan
    assert all_numbers(db) == {"one": 1}
