"""Who may call a route. Routes that look at who is signed in say so by what they depend on
(`accounts.session`); all others say here that they know nobody and show nothing of anybody.

A test looks at every route: one that says nothing is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_MARK = "__anybody__"


def anybody(endpoint: Endpoint) -> Endpoint:
    """Say that everyone may call this, and that it is the same for all."""
    setattr(endpoint, _MARK, True)
    return endpoint


def is_for_anybody(endpoint: Callable[..., Any]) -> bool:
    """Say whether an endpoint was declared so."""
    return getattr(endpoint, _MARK, False)
