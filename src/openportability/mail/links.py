"""Links of mails that work for who is signed out: they name an address once given and are signed by us.

A link ends with its address: another one, or the same given again, has links of its own.
"""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from enum import StrEnum

from openportability.clock import micros
from openportability.domain import UserId
from openportability.vault import Unreadable, Vault

_KIND = "mail"
_SHOWN = 26
_SIGNED_BYTES = 15


class Verb(StrEnum):
    """What a link is good for."""

    CONFIRM = "confirm"
    STOP = "stop"


def make(vault: Vault, verb: Verb, user: UserId, given_at: datetime) -> str:
    """Return the part of a link that proves what it may."""
    return vault.show_id(_KIND, user) + _signature(vault, verb, user, given_at)


def user_of(vault: Vault, token: str) -> UserId | None:
    """Return whom a link says it is about; `fits` says whether that is true."""
    try:
        return UserId(vault.read_id(_KIND, token[:_SHOWN]))
    except Unreadable:
        return None


def fits(vault: Vault, token: str, verb: Verb, user: UserId, given_at: datetime) -> bool:
    """Say whether we made this link for this address."""
    made = make(vault, verb, user, given_at)
    return secrets.compare_digest(made.encode(), token.encode())


def _signature(vault: Vault, verb: Verb, user: UserId, given_at: datetime) -> str:
    digest = vault.token_hash(f"mail\0{verb}\0{user}\0{micros(given_at)}")
    return base64.b32encode(digest[:_SIGNED_BYTES]).decode().lower()
