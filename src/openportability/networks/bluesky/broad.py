"""Which servers know no right to follow alone, and who has read what that means.

Noted when a server leaves that right out of what it grants. Nobody is sent there for the broad
right who was not told first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

from openportability.clock import Clock
from openportability.network import Cabinet

#: Servers are updated: after so long the finer right is asked for again.
KEPT = timedelta(days=7)
#: So many of one server are remembered as told; who is forgotten is told once more.
MOST_TOLD = 500


class Broad:
    """Remembers issuers, for all processes."""

    def __init__(self, cabinet: Cabinet, clock: Clock) -> None:
        self._cabinet = cabinet
        self._clock = clock

    def is_needed_at(self, issuer: str) -> bool:
        """Tell whether the broad right is what there is to ask for."""
        kept = self._cabinet.get(_host(issuer), "broad")
        return kept is not None and self._is_fresh(kept["seen_at"])

    def was_told(self, issuer: str, did: str) -> bool:
        """Tell whether somebody was told what the broad right of their server means."""
        kept = self._cabinet.get(_host(issuer), "broad") or {}
        return _mark(did) in kept.get("told", "").split()

    def note(self, issuer: str, did: str) -> None:
        """Note that somebody asked for the finer right, was not given it, and is told so now."""
        self._keep(issuer, did, seen_at=self._clock.now().isoformat())

    def tell(self, issuer: str, did: str) -> None:
        """Note that somebody is told now of what others have met at their server."""
        self._keep(issuer, did, seen_at=None)

    def _keep(self, issuer: str, did: str, *, seen_at: str | None) -> None:
        kept = self._cabinet.get(_host(issuer), "broad")
        if kept is not None:
            self._cabinet.drop(_host(issuer), "broad", kept)
        before = kept or {"seen_at": self._clock.now().isoformat()}
        told = [*before.get("told", "").split(), _mark(did)][-MOST_TOLD:]
        now = {"seen_at": seen_at or before["seen_at"], "told": " ".join(told)}
        self._cabinet.make_once(_host(issuer), "broad", lambda: now, lasts=KEPT)

    def _is_fresh(self, seen_at: str) -> bool:
        return datetime.fromisoformat(seen_at) > self._clock.now() - KEPT


def _host(issuer: str) -> str:
    return urlsplit(issuer).netloc


def _mark(did: str) -> str:
    return sha256(did.encode()).hexdigest()[:16]
