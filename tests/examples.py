"""How many examples a property is tried with: few by default, 10,000 under the profile `many`."""

from __future__ import annotations

from hypothesis import settings


def few(count: int) -> settings:
    """Return settings with so many examples, or with as many as the profile `many` says."""
    is_many = settings.get_current_profile_name() == "many"
    return settings(max_examples=settings().max_examples if is_many else count, deadline=None)
