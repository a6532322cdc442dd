"""Forgetful, bounded memory of a process: what may be asked again at any time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

from openportability.clock import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Remember values for a while, the latest `most` of them; safe to use from any thread."""

    def __init__(self, clock: Clock, *, keep: timedelta, most: int) -> None:
        self._clock = clock
        self._keep = keep
        self._most = most
        self._kept: OrderedDict[K, tuple[datetime, V]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """Return what was put within the time, or None."""
        with self._lock:
            found = self._kept.get(key)
        if found is None or found[0] <= self._clock.now():
            return None
        return found[1]

    def put(self, key: K, value: V) -> None:
        """Remember a value; the one put longest ago makes room."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (self._clock.now() + self._keep, value)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a value, if it is there."""
        with self._lock:
            self._kept.pop(key, None)
