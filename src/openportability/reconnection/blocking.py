"""Blocks that a person brought, carried over to the networks where they follow, if they choose so."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from openportability.accounts import grant_store
from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Account, Deed, Kind, NetworkName, UserId
from openportability.matching import service as matching
from openportability.reconnection import forecasting, planning, store
from openportability.reconnection.plan import Forecast, Row, Verdict
from openportability.reconnection.planning import Planned
from openportability.reconnection.rules import Origin, State
from openportability.site import Site

#: Before every follow.
_RANK = -1
#: Who was not blocked in the end, or not any more, may be offered again.
_OPEN = frozenset({State.CANCELLED, State.UNDONE, State.GONE})


@dataclass(frozen=True, kw_only=True)
class Offer:
    """How many people somebody can block on one network, whom they blocked before."""

    account: Account
    count: int
    #: True where anybody can read who blocks whom.
    public: bool
    #: False: the person must let us block there first.
    allowed: bool
    #: When a plan is finished if these go first; None where the operator no longer has that network.
    forecast: Forecast | None


def offers(tx: Tx, site: Site, user: UserId, planned: Planned) -> list[Offer]:
    """Return what can be carried over before a plan, where there is any. Nothing is sent."""
    key = accounts.personal_key(tx, site.vault, user)
    wanted = [(account, rows) for account, rows in _rows(tx, site, user) if rows]
    before = forecasting.on_their_way(tx, user) if wanted else {}
    found = []
    for account, rows in wanted:
        blocks = site.networks[account.actor.network].blocks
        grant = grant_store.live_grant(tx, key, account.id)
        if blocks is not None:
            allowed = grant is not None and grant.can_block
            name = account.actor.network
            waiting = before.get(account.id, 0) + planned.number(name, Verdict.NEW) + len(rows)
            found.append(
                Offer(
                    account=account,
                    count=len(rows),
                    public=blocks.public,
                    allowed=allowed,
                    forecast=next(
                        iter(forecasting.forecast(tx, site, user, {name: waiting})), None
                    ),
                )
            )
    return found


def carry_over(
    tx: Tx, site: Site, user: UserId, networks: Collection[NetworkName], plan_id: int
) -> int:
    """Want the blocks of people on these networks; return how many are new."""
    if not networks:
        return 0
    return sum(
        planning.want(tx, site, user, rows, origin=Origin.MANUAL, plan_id=plan_id, deed=Deed.BLOCK)
        for account, rows in _rows(tx, site, user)
        if account.actor.network in networks and rows
    )


def _rows(tx: Tx, site: Site, user: UserId) -> list[tuple[Account, list[Row]]]:
    """Decide whom each account of the person would block."""
    mine = [
        account
        for account in planning.followers(tx, site, user)
        if site.networks[account.actor.network].blocks is not None
    ]
    blocked = matching.avoided(tx, site, user)[Kind.BLOCKED] if mine else []
    if not blocked:
        return []
    key = accounts.personal_key(tx, site.vault, user)
    ledger = store.known(tx, key, user, Deed.BLOCK)
    return [
        (
            own,
            [
                Row(
                    account=own.id,
                    whom=one.id,
                    network=own.actor.network,
                    verdict=Verdict.NEW,
                    rank=_RANK,
                )
                for one in blocked
                if one.actor.network == own.actor.network
                and ((known := ledger.get((own.id, one.id))) is None or known.state in _OPEN)
            ],
        )
        for own in mine
    ]
