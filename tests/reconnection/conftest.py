"""Stages: a user, a simulated network of either kind, either database."""

from __future__ import annotations

import pytest

from openportability.db.engine import Database
from openportability.networks.fake.residents import Role
from tests.reconnection.stage import Stage


@pytest.fixture
def herd(db: Database) -> Stage:
    """A network where follows go one by one, and some wait for approval."""
    return Stage(db, Role.INSTANCES)


@pytest.fixture
def sky(db: Database) -> Stage:
    """A network where follows are records of our choice, in batches."""
    return Stage(db, Role.REPOSITORY)


@pytest.fixture(params=[Role.INSTANCES, Role.REPOSITORY], ids=["herd", "sky"])
def stage(request: pytest.FixtureRequest, db: Database) -> Stage:
    """Either of the two."""
    return Stage(db, request.param)
