"""What was spent of a day's budget under a proved account that has gone: who comes again with it has no new day.

A keyed hash and a number, until the day is over. Of who only claimed an account nothing is kept: it would be taken from
whose it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from openportability.clock import micros
from openportability.db.engine import Tx
from openportability.db.schema import accounts
from openportability.db.site_schema import tallies
from openportability.domain import Account, ActorId, NetworkName, Proof, UserId
from openportability.vault import Vault


class Budget(StrEnum):
    """What there is only so much of in a day."""

    ANSWERS = "answers"
    UPLOADS = "uploads"


def keep(tx: Tx, vault: Vault, budget: Budget, account: Account, n: int, until: datetime) -> None:
    """Keep what was spent when an account goes; what is kept already never becomes less."""
    if not n or account.proof is not Proof.PROVED:
        return
    key = _key(vault, budget, account.actor.network, account.actor.id)
    before = tx.execute(select(tallies.c.n).where(tallies.c.key == key)).scalar() or 0
    row = {"key": key, "n": max(n, before), "until": micros(until)}
    tx.execute(tx.dialect.upsert(tallies, key=["key"], change=["n", "until"]), row)


def kept(
    tx: Tx, vault: Vault, budget: Budget, users: Sequence[UserId], now: datetime
) -> dict[UserId, int]:
    """Return what was spent before under accounts that these users have proved; the most of each."""
    mine = select(accounts.c.user_id, accounts.c.network, accounts.c.actor_id).where(
        tx.dialect.among(accounts.c.user_id, users), accounts.c.proof == Proof.PROVED
    )
    owners = {
        _key(vault, budget, row.network, row.actor_id): UserId(row.user_id)
        for row in tx.execute(mine)
    }
    there = select(tallies.c.key, tallies.c.n).where(
        tx.dialect.among(tallies.c.key, list(owners)), tallies.c.until > micros(now)
    )
    spent: dict[UserId, int] = {}
    for row in tx.execute(there):
        user = owners[bytes(row.key)]
        spent[user] = max(spent.get(user, 0), row.n)
    return spent


def _key(vault: Vault, budget: Budget, network: NetworkName, actor_id: ActorId) -> bytes:
    return vault.token_hash(f"spent\0{budget}\0{network}\0{actor_id}")
