"""Counts of requests that all processes share: a keyed hash, a number, and until when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, update

from openportability.clock import micros
from openportability.db.engine import Tx
from openportability.db.site_schema import tallies

_RAISE = (
    update(tallies)
    .where(tallies.c.key == bindparam("of"))
    .values(n=tallies.c.n + 1)
    .returning(tallies.c.n)
)


def count(tx: Tx, key: bytes, until: datetime) -> int:
    """Count one more and return how many that makes."""
    row = {"key": key, "n": 0, "until": micros(until)}
    tx.execute(tx.dialect.insert_missing(tallies, key=["key"]), row)
    counted: int = tx.execute(_RAISE, {"of": key}).scalar_one()
    return counted


def forget_past(tx: Tx, now: datetime) -> None:
    """Drop the counts of windows that are over."""
    tx.execute(delete(tallies).where(tallies.c.until <= micros(now)))
