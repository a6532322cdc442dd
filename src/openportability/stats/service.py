"""The public numbers: what was counted, as far as it may be told."""

from __future__ import annotations

from datetime import timedelta

from openportability.db.engine import Tx
from openportability.site import Site
from openportability.stats import rules, store
from openportability.stats.rules import Day

#: How far back they go.
_BACK = timedelta(days=365)


def public(tx: Tx, site: Site) -> list[Day]:
    """Return the totals of each day of the last year that may be told, the earliest first."""
    since = site.clock.now().date() - _BACK
    return [rules.shown(day) for day in store.days(tx, since)]
