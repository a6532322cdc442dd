"""The cabinet that a network is given: its drawers are rows, and only one caller at a time fills an empty one."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta

from openportability.accounts import cabinet_store
from openportability.clock import Clock, monotonic
from openportability.db.engine import Database
from openportability.domain import NetworkName
from openportability.errors import Unavailable
from openportability.vault import Vault

#: Longer than a network may take to answer a registration.
_LEASE = timedelta(seconds=30)
#: How long the others wait for the one who makes it, and how often they look.
_PATIENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.1


class RowCabinet:
    """Implements `network.Cabinet` for one network."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, network: NetworkName) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._network = network

    def get(self, instance: str, name: str) -> Mapping[str, str] | None:
        with self._db.read() as tx:
            return cabinet_store.kept(tx, self._vault, self._network, instance, name)

    def make_once(
        self,
        instance: str,
        name: str,
        make: Callable[[], Mapping[str, str]],
        *,
        lasts: timedelta | None = None,
    ) -> Mapping[str, str]:
        give_up = monotonic() + _PATIENCE_SECONDS
        token = secrets.token_hex(16)
        while (kept := self.get(instance, name)) is None:
            if self._lease(instance, name, token):
                return self._make(instance, name, token, make, lasts)
            if monotonic() > give_up:
                raise Unavailable("net.busy", host=instance)
            time.sleep(_LOOK_SECONDS)
        return kept

    def drop(self, instance: str, name: str, was: Mapping[str, str]) -> None:
        with self._db.write() as tx:
            now = cabinet_store.kept(tx, self._vault, self._network, instance, name)
            if now == dict(was):
                cabinet_store.empty_drawer(tx, self._network, instance, name)

    def spend(self, name: str, day: date, most: int) -> bool:
        with self._db.write() as tx:
            return cabinet_store.spend(tx, self._network, name, day, most)

    def spent(self, name: str, day: date) -> int:
        with self._db.read() as tx:
            return cabinet_store.spent(tx, self._network, name).get(day, 0)

    def _lease(self, instance: str, name: str, token: str) -> bool:
        now = self._clock.now()
        with self._db.write() as tx:
            return cabinet_store.lease_drawer(
                tx, self._network, instance, name, token=token, now=now, until=now + _LEASE
            )

    def _make(
        self,
        instance: str,
        name: str,
        token: str,
        make: Callable[[], Mapping[str, str]],
        lasts: timedelta | None,
    ) -> Mapping[str, str]:
        made: Mapping[str, str] | None = None
        try:
            made = make()
        finally:
            if made is None:
                with self._db.write() as tx:
                    cabinet_store.give_up(tx, self._network, instance, name, token)
        ends_at = self._clock.now() + lasts if lasts else None
        place = self._network, instance, name
        with self._db.write() as tx:
            if cabinet_store.fill_drawer(tx, self._vault, *place, made, ends_at=ends_at):
                return made
        # So slow that the lease lapsed and another caller was quicker: theirs is what all use.
        return self.get(instance, name) or made
