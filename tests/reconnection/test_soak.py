"""A small soak: workers are killed at random, the networks fail and limit, and nothing is lost or made twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.soak.run import Size, soak


@pytest.mark.slow
def test_a_worker_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    found, _ = soak(tmp_path, None, Size(people=8, targets=3))
    assert (found.lost, found.double, found.untrue, found.over_limit) == (0, 0, 0, 0), found.words


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_four_workers_whose_queue_is_emptied_lose_nothing(
    tmp_path: Path, database_url: str
) -> None:
    found, _ = soak(tmp_path, database_url, Size(people=12, targets=8, workers=4))
    assert (found.lost, found.double, found.untrue, found.over_limit) == (0, 0, 0, 0), found.words
