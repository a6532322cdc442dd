"""Who asked never to be listed: a keyed hash of the account, which leads back to nobody."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select

from openportability.clock import micros
from openportability.db.engine import Tx
from openportability.db.schema import suppressed
from openportability.domain import Actor
from openportability.vault import Vault

_IS_THERE = select(suppressed.c.network).where(suppressed.c.hash == bindparam("hash"))


def never_list(tx: Tx, vault: Vault, actor: Actor, now: datetime) -> None:
    """Note that an actor is never to be listed."""
    row = {"hash": _hash(vault, actor), "network": actor.network, "at": micros(now)}
    tx.execute(tx.dialect.insert_missing(suppressed, key=["hash"]), row)


def lift(tx: Tx, vault: Vault, actor: Actor) -> None:
    """Forget that they asked."""
    tx.execute(delete(suppressed).where(suppressed.c.hash == _hash(vault, actor)))


def is_never_listed(tx: Tx, vault: Vault, actor: Actor) -> bool:
    """Say whether an actor asked never to be listed."""
    return tx.execute(_IS_THERE, {"hash": _hash(vault, actor)}).first() is not None


def _hash(vault: Vault, actor: Actor) -> bytes:
    return vault.token_hash(f"never list\0{actor.network}\0{actor.id}")
