"""Which servers know no right to follow alone: noted when one leaves it out of what it grants."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from openportability.clock import Clock
from openportability.network import Cabinet

#: Servers are updated: after so long the finer right is asked for again.
KEPT = timedelta(days=7)


class Broad:
    """Remembers issuers, for all processes."""

    def __init__(self, cabinet: Cabinet, clock: Clock) -> None:
        self._cabinet = cabinet
        self._clock = clock

    def is_needed_at(self, issuer: str) -> bool:
        """Tell whether the broad right is what there is to ask for."""
        kept = self._cabinet.get(_host(issuer), "broad")
        return kept is not None and self._is_fresh(kept["seen_at"])

    def note(self, issuer: str) -> None:
        """Note that the finer right was asked for and not given."""
        kept = self._cabinet.get(_host(issuer), "broad")
        if kept is not None:
            self._cabinet.drop(_host(issuer), "broad", kept)
        seen = {"seen_at": self._clock.now().isoformat()}
        self._cabinet.make_once(_host(issuer), "broad", lambda: seen, lasts=KEPT)

    def _is_fresh(self, seen_at: str) -> bool:
        return datetime.fromisoformat(seen_at) > self._clock.now() - KEPT


def _host(issuer: str) -> str:
    return urlsplit(issuer).netloc
