"""Blocks and mutes that a person brought, carried over to the networks where they follow, if they choose so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from openportability.accounts import grant_store
from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import Account, AccountId, Deed, Kind, NetworkName, Purpose, UserId
from openportability.matching import service as matching
from openportability.reconnection import forecasting, planning, store, ways
from openportability.reconnection.ledger import Known
from openportability.reconnection.plan import Forecast, Row, Verdict
from openportability.reconnection.planning import Planned
from openportability.reconnection.rules import Origin, State
from openportability.site import Site

#: The list that each is brought as.
LISTS = {Deed.BLOCK: Kind.BLOCKED, Deed.MUTE: Kind.MUTED}
#: Before every follow.
_RANK = -1
#: Who was not blocked (or muted) in the end, or not any more, may be offered again.
_OPEN = frozenset({State.CANCELLED, State.UNDONE, State.GONE})


@dataclass(frozen=True, kw_only=True)
class Offer:
    """How many people somebody can block, or mute, on one network, whom they blocked or muted before."""

    account: Account
    deed: Deed
    count: int
    #: True where anybody can read who does so to whom.
    public: bool
    #: What to ask the network for first; None: the person lets us do so already.
    to_ask: Purpose | None
    #: When a plan is finished if all that is offered there goes first; None where the operator no longer has
    #: that network.
    forecast: Forecast | None


def offers(tx: Tx, site: Site, user: UserId, planned: Planned) -> list[Offer]:
    """Return what can be carried over before a plan, where there is any. Nothing is sent."""
    key = accounts.personal_key(tx, site.vault, user)
    wanted = _rows(tx, site, user, LISTS)
    before = forecasting.on_their_way(tx, user) if wanted else {}
    found = []
    for account, by_deed in wanted:
        name = account.actor.network
        grant = grant_store.live_grant(tx, key, account.id)
        allowed = grant.deeds if grant is not None else frozenset[Deed]()
        going = before.get(account.id, 0) + sum(map(len, by_deed.values()))
        waiting = {name: going + planned.number(name, Verdict.NEW)}
        forecast = next(iter(forecasting.forecast(tx, site, user, waiting)), None)
        found += [
            Offer(
                account=account,
                deed=deed,
                count=len(rows),
                public=site.networks[name].avoids[deed].public,
                to_ask=None if deed in allowed else _purpose({*allowed, Deed.FOLLOW, deed}),
                forecast=forecast,
            )
            for deed, rows in by_deed.items()
        ]
    return found


def _purpose(deeds: Collection[Deed]) -> Purpose:
    """Return the purpose that asks for these and no more: a new grant is to keep what an old one allows."""
    return next(one for one in Purpose if one.deeds == deeds)


def carry_over(
    tx: Tx,
    site: Site,
    user: UserId,
    deed: Deed,
    networks: Collection[NetworkName],
    plan_id: int,
) -> int:
    """Want the blocks, or the mutes, of people on these networks; return how many are new."""
    if not networks:
        return 0
    return sum(
        planning.want(tx, site, user, rows, origin=Origin.MANUAL, plan_id=plan_id, deed=deed)
        for account, by_deed in _rows(tx, site, user, [deed])
        if account.actor.network in networks
        for rows in by_deed.values()
    )


def _rows(
    tx: Tx, site: Site, user: UserId, deeds: Collection[Deed]
) -> list[tuple[Account, dict[Deed, list[Row]]]]:
    """Decide whom each account of the person would block and mute, where that is anybody."""
    mine = [
        account
        for account in planning.followers(tx, site, user)
        if site.networks[account.actor.network].avoids
    ]
    avoided = matching.avoided(tx, site, user) if mine else {}
    if not any(avoided.values()):
        return []
    key = accounts.personal_key(tx, site.vault, user)
    ledger = {deed: store.known(tx, key, user, deed) for deed in deeds}
    found = []
    for own in mine:
        by_deed = {
            deed: _new(own, deed, avoided[LISTS[deed]], ledger[deed])
            for deed in deeds
            if deed in site.networks[own.actor.network].avoids
        }
        if some := {deed: rows for deed, rows in by_deed.items() if rows}:
            found.append((own, some))
    return found


def _new(
    own: Account,
    deed: Deed,
    avoided: Collection[Account],
    ledger: Mapping[tuple[AccountId, AccountId], Known],
) -> list[Row]:
    """Return whom one account of the person does not hold in its ledger yet, or may not have for want of a right."""
    return [
        Row(
            account=own.id,
            whom=one.id,
            network=own.actor.network,
            verdict=Verdict.NEW,
            rank=_RANK,
        )
        for one in avoided
        if one.actor.network == own.actor.network
        and _may_be_offered(ledger.get((own.id, one.id)), deed)
    ]


def _may_be_offered(known: Known | None, deed: Deed) -> bool:
    # A right may be lost half-way. Where it is missed, the person is told to make a plan and to allow it there.
    return known is None or known.state in _OPEN or known.reason == ways.NOT_ALLOWED[deed]
