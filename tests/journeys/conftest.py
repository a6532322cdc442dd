"""Whole journeys leave nothing secret in clear."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import secrecy
from tests.house import House


@pytest.fixture
def house(house: House) -> Iterator[House]:
    """The same; at its end all is looked through for what was secret."""
    with secrecy.watching() as watch:
        yield house
        watch.finds_nothing(house.site)
