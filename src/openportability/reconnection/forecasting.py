"""When all will be done that waits in a lane: the pacing of its slices, run forward with what calls take there."""

from __future__ import annotations

from collections.abc import Mapping

from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import AccountId, NetworkName, UserId
from openportability.reconnection import (
    call_time_store,
    claiming,
    lane_store,
    pacing,
    store,
)
from openportability.reconnection.plan import Forecast
from openportability.reconnection.rules import State
from openportability.site import Site


def forecast(
    tx: Tx, site: Site, user: UserId, waiting: Mapping[NetworkName, int]
) -> tuple[Forecast, ...]:
    """Say for each network when so many waiting follows, blocks and mutes will be done: they share what it allows."""
    if not waiting:
        return ()
    now = site.clock.now()
    chosen = accounts.user(tx, user)
    lanes = {lane.network: lane for lane in lane_store.lanes_of(tx, user)}
    took = call_time_store.usual_seconds(tx)
    made = []
    for name, count in sorted(waiting.items()):
        destination = claiming.destination_of(site, name)
        if destination is None or chosen is None:
            continue
        lane = lanes.get(name)
        finishes_at = pacing.finish_at(
            destination.limits,
            chosen.pace,
            lane.spent if lane else (),
            remaining=lane.remaining if lane else None,
            reset_at=lane.reset_at if lane else None,
            waiting=count,
            call_seconds=max(took.get(name, 0.0), destination.limits.gap_seconds),
            now=max(now, lane.next_at) if lane and lane.next_at else now,
        )
        calls = -(-count // destination.limits.batch)
        made.append(Forecast(network=name, calls=calls, finishes_at=finishes_at))
    return tuple(made)


def on_their_way(tx: Tx, user: UserId) -> dict[AccountId, int]:
    """Return how many follows, blocks and mutes of each account go before what is planned now."""
    found: dict[AccountId, int] = {}
    for counted in store.counts(tx, user).values():
        for (account, state), count in counted.items():
            if state is State.READY:
                found[account] = found.get(account, 0) + count
    return found
