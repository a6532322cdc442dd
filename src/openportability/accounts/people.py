"""Who takes part, as other folders see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from openportability.domain import (
    AccountId,
    Actor,
    Found,
    Key,
    NetworkName,
    Pace,
    Proof,
    Standing,
    UserId,
)


@dataclass(frozen=True, kw_only=True)
class User:
    """A person signed in to OpenPortability, and what they chose."""

    id: UserId
    locale: str
    found: Found
    standing: Standing
    pace: Pace
    #: Others may follow the copies that a bridge keeps of them.
    bridged: bool
    seen_at: datetime
    #: When they last looked at their matches; None: never.
    looked_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A line of the directory: somebody who is here, and by whom they may be found."""

    account: AccountId
    user: UserId
    network: NetworkName
    key: Key
    proof: Proof
    found: Found
    seq: int


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A copy that a bridge keeps, on another network, of an account that a user proved. Nobody's sign-in."""

    #: Whose copy it is.
    account: AccountId
    user: UserId
    actor: Actor


@dataclass(frozen=True, kw_only=True)
class Edition:
    """A state of the directory, as numbers that only grow."""

    #: The newest line has it.
    seq: int
    #: How often lines went.
    gone: int
