"""How many newcomers are met in one round: others wait for its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openportability.accounts.people import Listed
from openportability.db.engine import Tx
from openportability.domain import UserId
from openportability.graph import store as lists
from openportability.matching import horizon_store
from openportability.matching.horizon_store import NOBODY_MET

#: Links that newcomers of one round have brought at most, but that the first of them is always met.
LINKS = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Newcomers:
    """What became of newcomers who waited."""

    #: How many accounts they came with.
    met: int
    #: There may be more behind these.
    full: bool


def within(tx: Tx, waiting: Sequence[Listed]) -> Sequence[Listed]:
    """Return as many of these as bring no more links than a round may meet: whole sequence numbers, one at least."""
    users = sorted({line.user for line in waiting})
    met = horizon_store.horizons(tx, users)
    left, counted = lists.lengths(tx, users), set[UserId]()
    links = 0
    for at, line in enumerate(waiting):
        if line.user in counted or met.get(line.user, NOBODY_MET).people >= line.seq:
            continue
        counted.add(line.user)
        links += left.get(line.user, 0)
        if links > LINKS and line.seq > waiting[0].seq:
            return [one for one in waiting[:at] if one.seq < line.seq]
    return waiting
