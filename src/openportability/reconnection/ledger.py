"""The nouns of the ledger: a wanted follow, block or mute, and what it keeps sealed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime

from openportability.clock import micros, moment
from openportability.domain import AccountId, Actor, ActorId, Deed, NetworkName, UserId
from openportability.reconnection import rules
from openportability.reconnection.rules import HELD, Decision, Origin, State

#: An account as it is followed on a network; where it is of another one, through the copy that a bridge keeps.
Place = tuple[NetworkName, AccountId]


@dataclass(frozen=True, kw_only=True)
class Reconnection:
    """A row of the ledger: one wanted follow, block or mute, and what became of it."""

    id: int
    user: UserId
    account: AccountId
    network: NetworkName
    whom: AccountId
    deed: Deed
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
    #: What it keeps, as it is stored, or is to be.
    stored: bytes | None

    @property
    def kept(self) -> Kept:
        """Return what it keeps sealed."""
        return Kept(record=self.record, actor=self.actor, moved=self.moved, shown=self.shown)

    @property
    def successor(self) -> Actor | None:
        """Return who is followed in place of `whom`, who declared it."""
        return self.actor if self.moved else None

    @property
    def place(self) -> Place:
        """Return where whom is followed: on their own account, or through a copy of it."""
        return self.network, self.whom

    @property
    def held(self) -> str | None:
        """What the person said of it while nobody knew what had become of it."""
        return self.reason if self.state is State.READY and self.reason in HELD else None

    def asked(self, actor: Actor, record: str | None, now: datetime) -> Reconnection:
        """Return the row as it is when it is about to be asked for: whom, and with which record."""
        return replace(self, actor=actor, record=record, shown=False, asked_at=now)

    def decided(
        self, decision: Decision, now: datetime, *, successor: Actor | None = None
    ) -> Reconnection:
        """Return the row after a decision; what the person said of it meanwhile is heeded."""
        decision = rules.heeded(decision, self.held)
        state = rules.moved(self.state, decision.state)
        attempts = self.attempts + decision.counts if state is self.state else 0
        due = decision.due or now
        if self.held == rules.UNDO_WANTED and state in (State.FOLLOWED, State.REQUESTED):
            state, due = rules.moved(state, State.UNDOING), now
        return replace(
            self,
            state=state,
            reason=decision.reason,
            attempts=attempts,
            due_at=due,
            at=now,
            asked_at=None if decision.unsent else self.asked_at,
            record=None if decision.unsent else decision.record or self.record,
            actor=successor or self.actor,
            moved=successor is not None or self.moved,
            shown=not decision.unsent and (decision.shown or self.shown),
        )


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the ledger says of a wanted follow, and since when."""

    state: State
    reason: str | None
    at: datetime
    #: Who is followed in their place, where that was asked for.
    moved_to: ActorId | None = None


@dataclass(frozen=True, kw_only=True)
class New:
    """A follow, block or mute to be wanted."""

    account: AccountId
    network: NetworkName
    whom: AccountId
    deed: Deed
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
