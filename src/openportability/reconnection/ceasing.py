"""Before an account is unlinked: what is being asked of its network comes to its end.

Whoever links the account again at once would else be served beside a call that nobody knows of any more, and the
two would follow one person twice.
"""

from __future__ import annotations

import time
from dataclasses import replace

from openportability.clock import monotonic
from openportability.domain import Account
from openportability.reconnection import lane_store
from openportability.reconnection.rules import LaneState
from openportability.site import Site

#: How long a slice that is under way may take to notice; it looks before each call to a network.
_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.1


def cease(site: Site, account: Account) -> None:
    """Pause an account's lane, and wait until no worker is in the middle of a slice of it."""
    with site.db.write() as tx:
        held = lane_store.hold(tx, [account.id]).values()
        going_on = [lane for lane in held if lane.state is LaneState.OPEN]
        lane_store.put_back(
            tx, [replace(lane, state=LaneState.PAUSED, reason=None) for lane in going_on]
        )
    give_up = monotonic() + _PATIENCE_SECONDS
    while _is_being_served(site, account) and monotonic() < give_up:
        time.sleep(_LOOK_SECONDS)


def _is_being_served(site: Site, account: Account) -> bool:
    now = site.clock.now()
    with site.db.read() as tx:
        lanes = lane_store.lanes_of(tx, account.user)
    return any(lane.account == account.id and lane.is_leased(now) for lane in lanes)
