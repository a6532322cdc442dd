"""Counts of requests that all processes share: a keyed hash, a number, and until when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete

from openportability.clock import micros
from openportability.db.engine import Tx
from openportability.db.site_schema import tallies


def count(tx: Tx, key: bytes, until: datetime) -> int:
    """Count one more and return how many that makes."""
    row = {"key": key, "n": 1, "until": micros(until)}
    counted: int = tx.execute(tx.dialect.add_up(tallies, key="key", number="n"), row).scalar_one()
    return counted


def forget_past(tx: Tx, now: datetime) -> None:
    """Drop the counts of windows that are over."""
    tx.execute(delete(tallies).where(tallies.c.until <= micros(now)))
