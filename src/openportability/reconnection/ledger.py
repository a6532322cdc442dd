"""The nouns of the ledger: a wanted follow, and what it keeps sealed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from openportability.clock import micros, moment
from openportability.domain import AccountId, Actor, ActorId, NetworkName, UserId
from openportability.reconnection.rules import HELD, Origin, State


@dataclass(frozen=True, kw_only=True)
class Reconnection:
    """A row of the ledger: one wanted follow and what became of it."""

    id: int
    user: UserId
    account: AccountId
    network: NetworkName
    whom: AccountId
    state: State
    reason: str | None
    origin: Origin
    rank: int
    #: The record the follow has or will have, where the network lets us choose it.
    record: str | None
    #: Whom we asked for, as they were then: undo works though their account here is gone.
    actor: Actor | None
    #: True where `actor` is who `whom` declared as successor, to be followed in their place.
    moved: bool
    #: True once the network showed the request as pending.
    shown: bool
    #: When it was asked for last; None: nothing of ours is at the network.
    asked_at: datetime | None
    attempts: int
    due_at: datetime
    at: datetime

    @property
    def held(self) -> str | None:
        """What the person said of it while nobody knew what had become of it."""
        return self.reason if self.state is State.READY and self.reason in HELD else None


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the ledger says of a wanted follow, and since when."""

    state: State
    reason: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class New:
    """A follow to be wanted."""

    account: AccountId
    network: NetworkName
    whom: AccountId
    state: State
    rank: int


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a row keeps sealed, for looking and for undo."""

    record: str | None = None
    actor: Actor | None = None
    moved: bool = False
    shown: bool = False

    def packed(self) -> bytes:
        """Return it as bytes."""
        actor = self.actor
        form = {
            "record": self.record,
            "actor": actor and [actor.id, actor.handle, actor.instance, micros(actor.seen_at)],
            "moved": self.moved,
            "shown": self.shown,
        }
        return json.dumps(form).encode()

    @classmethod
    def unpacked(cls, packed: bytes, network: NetworkName) -> Kept:
        """Read what `packed` returned, of a row on this network."""
        form = json.loads(packed)
        actor = None
        if form["actor"] is not None:
            actor_id, handle, instance, seen_at = form["actor"]
            actor = Actor(
                network=network,
                instance=instance,
                id=ActorId(actor_id),
                handle=handle,
                name="",
                seen_at=moment(seen_at),
            )
        return cls(record=form["record"], actor=actor, moved=form["moved"], shown=form["shown"])
