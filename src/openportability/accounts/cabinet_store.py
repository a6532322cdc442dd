"""What networks must remember between requests, such as our registration at an instance: one drawer a name, sealed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import ColumnElement, delete, or_, select, update

from openportability.clock import micros
from openportability.db.engine import Tx
from openportability.db.schema import cabinet, counters
from openportability.domain import NetworkName
from openportability.vault import Vault


def kept(
    tx: Tx, vault: Vault, network: NetworkName, instance: str, name: str
) -> dict[str, str] | None:
    """Return what a network keeps under a name, or None."""
    sealed = tx.execute(select(cabinet.c.sealed).where(*_drawer(network, instance, name))).scalar()
    if sealed is None:
        return None
    opened: dict[str, str] = json.loads(vault.open(sealed, _place(network, instance, name)))
    return opened


def lease_drawer(
    tx: Tx,
    network: NetworkName,
    instance: str,
    name: str,
    *,
    token: str,
    now: datetime,
    until: datetime,
) -> bool:
    """Take the right to make what is kept under a name, unless it is there or being made."""
    row = {"network": network, "instance": instance, "name": name}
    tx.execute(tx.dialect.insert_missing(cabinet, key=list(row)), row)
    done = tx.execute(
        update(cabinet)
        .where(
            *_drawer(network, instance, name),
            cabinet.c.sealed.is_(None),
            or_(cabinet.c.lease.is_(None), cabinet.c.lease_until < micros(now)),
        )
        .values(lease=token, lease_until=micros(until))
    )
    return done.rowcount == 1


def fill_drawer(
    tx: Tx,
    vault: Vault,
    network: NetworkName,
    instance: str,
    name: str,
    made: Mapping[str, str],
    *,
    ends_at: datetime | None,
) -> bool:
    """Keep what was made; say whether it is what is kept now: whoever comes first fills a drawer."""
    row = {"network": network, "instance": instance, "name": name}
    tx.execute(tx.dialect.insert_missing(cabinet, key=list(row)), row)
    sealed = vault.seal(json.dumps(dict(made)).encode(), _place(network, instance, name))
    done = tx.execute(
        update(cabinet)
        .where(*_drawer(network, instance, name), cabinet.c.sealed.is_(None))
        .values(
            sealed=sealed,
            lease=None,
            lease_until=None,
            ends_at=micros(ends_at) if ends_at else None,
        )
    )
    return done.rowcount == 1


def give_up(tx: Tx, network: NetworkName, instance: str, name: str, token: str) -> None:
    """Let somebody else try to make it."""
    tx.execute(delete(cabinet).where(*_drawer(network, instance, name), cabinet.c.lease == token))


def empty_drawer(tx: Tx, network: NetworkName, instance: str, name: str) -> None:
    """Forget what is kept under a name."""
    tx.execute(delete(cabinet).where(*_drawer(network, instance, name)))


def drop_ended(tx: Tx, now: datetime) -> None:
    """Forget what is of no use any more."""
    tx.execute(delete(cabinet).where(cabinet.c.ends_at <= micros(now)))


def spend(tx: Tx, network: NetworkName, name: str, day: date, most: int) -> bool:
    """Count one more on a day, unless there were `most`; say whether it was counted."""
    counter = _counter(network, name) + day.isoformat()
    if most > 0:
        tx.execute(tx.dialect.insert_missing(counters, key=["name"]), {"name": counter, "n": 0})
    done = tx.execute(
        update(counters)
        .where(counters.c.name == counter, counters.c.n < most)
        .values(n=counters.c.n + 1)
    )
    return done.rowcount == 1


def spent(tx: Tx, network: NetworkName, name: str) -> dict[date, int]:
    """Return how many were counted on each day on which there were any, oldest first."""
    begins = _counter(network, name)
    rows = tx.execute(
        select(counters)
        .where(counters.c.name.startswith(begins, autoescape=True))
        .order_by(counters.c.name)
    )
    return {date.fromisoformat(row.name.removeprefix(begins)): row.n for row in rows}


def _counter(network: NetworkName, name: str) -> str:
    return f"{network}.{name}."


def _drawer(network: NetworkName, instance: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return (
        cabinet.c.network == network,
        cabinet.c.instance == instance,
        cabinet.c.name == name,
    )


def _place(network: NetworkName, instance: str, name: str) -> str:
    return f"cabinet:{network}/{instance}/{name}"
