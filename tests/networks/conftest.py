"""The contract suite uses servers by name: tell the marks of the whole suite which."""

from __future__ import annotations

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let a promise count as a user of the servers that its variant needs."""
    case = getattr(item, "callspec", None)
    variant = case.params.get("variant") if case else None
    if variant is not None and isinstance(item, pytest.Function):
        item.fixturenames = [*item.fixturenames, *variant.needs]
