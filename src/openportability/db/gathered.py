"""Numbers that are added up in a process, and written down now and then: each by itself would cost a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Generic, TypeVar

from openportability.clock import monotonic
from openportability.db.engine import Database, Tx
from openportability.db.trouble import trouble

#: Numbers wait so long for more. What a process that is killed had not written is lost: it is not much.
_APART_SECONDS = 2.0

Name = TypeVar("Name")


class Gathered(Generic[Name]):
    """Adds numbers up by name. What the database does not take now, it is given later."""

    def __init__(self, db: Database, write: Callable[[Tx, Mapping[Name, int]], None]) -> None:
        self._db = db
        self._write = write
        self._adding = Lock()
        self._waiting: Counter[Name] = Counter()
        self._wrote_at = monotonic()

    def add(self, numbers: Mapping[Name, int], *, now: bool = False) -> None:
        """Add numbers, and write all that wait if it is time, or if they are wanted now."""
        with self._adding:
            self._waiting.update(numbers)
            if not now and monotonic() < self._wrote_at + _APART_SECONDS:
                return
            waiting, self._waiting = self._waiting, Counter()
            self._wrote_at = monotonic()
        try:
            with self._db.write() as tx:
                self._write(tx, waiting)
        except Exception as error:
            with self._adding:
                self._waiting += waiting
            if trouble(error) is None:
                raise
