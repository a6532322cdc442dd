"""How long a call to a network takes, rests that it wants included: learned by slices, for forecasts."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select, update

from openportability.db.engine import Tx
from openportability.db.schema import counters
from openportability.domain import NetworkName

_CALLS = "reconnection.calls."
_MILLISECONDS = "reconnection.call_ms."
#: Fewer calls tell nothing yet.
_FEW = 100
#: Of more calls than these, both numbers are halved: what was long ago counts less and less.
_MANY = 20_000


def one(network: NetworkName, calls: int, seconds: float) -> Mapping[str, int]:
    """Return what a slice adds to what is known of its network."""
    return {f"{_CALLS}{network}": calls, f"{_MILLISECONDS}{network}": int(seconds * 1000)}


def add(tx: Tx, took: Mapping[str, int]) -> None:
    """Add what slices took; always in one order, for others do the same."""
    for name, number in sorted(took.items()):
        known = tx.execute(
            tx.dialect.add_up(counters, key="name", number="n"), {"name": name, "n": number}
        ).scalar_one()
        if name.startswith(_CALLS) and known > _MANY:
            network = name.removeprefix(_CALLS)
            tx.execute(
                update(counters)
                .where(counters.c.name.in_([name, f"{_MILLISECONDS}{network}"]))
                .values(n=counters.c.n // 2)
            )


def usual_seconds(tx: Tx) -> Mapping[NetworkName, float]:
    """Return how many seconds a call takes, for each network of which enough is known."""
    rows = tx.execute(select(counters).where(counters.c.name.startswith("reconnection.call")))
    known = {row.name: row.n for row in rows}
    calls = {
        NetworkName(name.removeprefix(_CALLS)): count
        for name, count in known.items()
        if name.startswith(_CALLS) and count >= _FEW
    }
    return {
        network: known.get(f"{_MILLISECONDS}{network}", 0) / 1000 / count
        for network, count in calls.items()
    }
