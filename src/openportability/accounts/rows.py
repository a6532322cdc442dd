"""Rows of users and accounts as nouns, and back."""

from __future__ import annotations

import re
from typing import Any

from openportability.accounts.people import Listed, Twin, User
from openportability.clock import micros, moment
from openportability.domain import (
    Account,
    AccountId,
    Actor,
    ActorId,
    Found,
    Key,
    NetworkName,
    Pace,
    Proof,
    Standing,
    UserId,
)

#: Of `users.bridged`: others may follow the copies that a bridge keeps of them.
BRIDGED = "on"
#: What no database takes in a text, or no line shows.
_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
#: What a server calls a picture's address or an account's number may be of any length.
_LONGEST_ADDRESS = 2_000
_LONGEST_NUMBER = 200
#: Keys are unsigned, columns are signed: this keeps their order.
_OFFSET = 2**63


def stored(key: int) -> int:
    """Return a key as its column holds it, which is signed."""
    return key - _OFFSET


def seen(actor: Actor) -> dict[str, str | int | None]:
    """Return the columns that hold what a network shows of an actor."""
    return {
        "instance": actor.instance,
        "handle": actor.handle,
        "name": _UNSTORABLE.sub("", actor.name),
        "avatar": _address(actor.avatar),
        "number": actor.number and _UNSTORABLE.sub("", actor.number)[:_LONGEST_NUMBER],
        "seen_at": micros(actor.seen_at),
    }


def _address(text: str | None) -> str | None:
    """Return an address as it was said, if it can be one: shortened it would be another."""
    fits = text and len(text) <= _LONGEST_ADDRESS and text.isascii() and text.isprintable()
    return text if fits else None


def user(row: Any) -> User:
    """Read a user."""
    return User(
        id=UserId(row.id),
        locale=row.locale,
        found=Found(row.found),
        standing=Standing(row.standing),
        pace=Pace(row.pace),
        bridged=row.bridged == BRIDGED,
        seen_at=moment(row.seen_at),
        looked_at=None if row.looked_at is None else moment(row.looked_at),
    )


def account(row: Any) -> Account:
    """Read an account."""
    return Account(
        id=AccountId(row.id),
        user=UserId(row.user_id),
        actor=_actor(row, row.number),
        key=Key(row.key + _OFFSET),
        proof=Proof(row.proof),
    )


def listed(row: Any) -> Listed:
    """Read a line of the directory."""
    return Listed(
        account=AccountId(row.id),
        user=UserId(row.user_id),
        network=NetworkName(row.network),
        key=Key(row.key + _OFFSET),
        proof=Proof(row.proof),
        found=Found(row.found),
        seq=row.seq,
    )


def twin(row: Any) -> Twin:
    """Read a copy that a bridge keeps."""
    return Twin(
        account=AccountId(row.account_id),
        user=UserId(row.user_id),
        actor=_actor(row, None),
    )


def _actor(row: Any, number: str | None) -> Actor:
    return Actor(
        network=NetworkName(row.network),
        instance=row.instance,
        id=ActorId(row.actor_id),
        handle=row.handle,
        name=row.name,
        avatar=row.avatar,
        number=number,
        seen_at=moment(row.seen_at),
    )
