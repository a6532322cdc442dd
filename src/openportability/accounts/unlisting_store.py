"""Who asked never to be listed: a keyed hash of the account, which leads back to nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select

from openportability.clock import micros
from openportability.db.engine import Tx
from openportability.db.schema import accounts, suppressed
from openportability.domain import AccountId, Actor, ActorId, NetworkName
from openportability.vault import Vault

_IS_THERE = select(suppressed.c.network).where(suppressed.c.hash == bindparam("hash"))
_ANYBODY = select(suppressed.c.network).limit(1)


def never_list(tx: Tx, vault: Vault, actor: Actor, now: datetime) -> None:
    """Note that an actor is never to be listed."""
    row = {
        "hash": _hash(vault, actor.network, actor.id),
        "network": actor.network,
        "at": micros(now),
    }
    tx.execute(tx.dialect.insert_missing(suppressed, key=["hash"]), row)


def lift(tx: Tx, vault: Vault, actor: Actor) -> None:
    """Forget that they asked."""
    asked = suppressed.c.hash == _hash(vault, actor.network, actor.id)
    tx.execute(delete(suppressed).where(asked))


def is_never_listed(tx: Tx, vault: Vault, actor: Actor) -> bool:
    """Say whether an actor asked never to be listed."""
    asked = {"hash": _hash(vault, actor.network, actor.id)}
    return tx.execute(_IS_THERE, asked).first() is not None


def silent(tx: Tx, vault: Vault, linked: Sequence[AccountId]) -> set[AccountId]:
    """Return which of these accounts are, by their ids, of actors who asked never to be listed."""
    if not linked or tx.execute(_ANYBODY).first() is None:
        return set()
    actors = select(accounts.c.id, accounts.c.network, accounts.c.actor_id)
    by_hash = defaultdict[bytes, set[AccountId]](set)
    for row in tx.execute(actors.where(tx.dialect.among(accounts.c.id, linked))):
        by_hash[_hash(vault, row.network, row.actor_id)].add(AccountId(row.id))
    asked = select(suppressed.c.hash).where(tx.dialect.among(suppressed.c.hash, list(by_hash)))
    return set[AccountId]().union(*(by_hash[one] for one in tx.execute(asked).scalars()))


def _hash(vault: Vault, network: NetworkName, actor_id: ActorId) -> bytes:
    return vault.token_hash(f"never list\0{network}\0{actor_id}")
