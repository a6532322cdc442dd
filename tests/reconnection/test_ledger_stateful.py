"""The ledger under any answers, in any order, with a person who presses anything at any moment."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from openportability.db.engine import Database
from openportability.db.schema import METADATA
from openportability.networks.fake.residents import Role
from tests.reconnection.machine import Ledger
from tests.reconnection.stage import Stage


@contextmanager
def sqlite_stages(migrated: Path) -> Iterator[Callable[[Role], Stage]]:
    with TemporaryDirectory() as folder:
        numbers = iter(range(10**9))

        def open_stage(role: Role) -> Stage:
            path = Path(folder) / f"{next(numbers)}.db"
            shutil.copy(migrated, path)
            return Stage(Database(f"sqlite:///{path}", pool_size=4), role)

        yield open_stage


def run(open_stage: Callable[[Role], Stage], *, examples: int, steps: int) -> None:
    machine = type("Run", (Ledger,), {"open_stage": staticmethod(open_stage)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_ledger_tells_the_truth_whatever_happens(migrated_sqlite: Path) -> None:
    with sqlite_stages(migrated_sqlite) as open_stage:
        run(open_stage, examples=5, steps=20)


@pytest.mark.slow
def test_the_ledger_tells_the_truth_whatever_happens_for_long(migrated_sqlite: Path) -> None:
    with sqlite_stages(migrated_sqlite) as open_stage:
        run(open_stage, examples=42, steps=40)


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_ledger_tells_the_truth_on_the_other_database(database_url: str) -> None:
    def open_stage(role: Role) -> Stage:
        db = Database(database_url, pool_size=4)
        with db.write() as tx:
            for table in reversed(METADATA.sorted_tables):
                tx.execute(table.delete())
        return Stage(db, role)

    run(open_stage, examples=20, steps=25)
