"""Keyset cursors: where a list goes on, sealed, so that nobody reads or invents one."""

from __future__ import annotations

import base64
import binascii
import json

from openportability.errors import Invalid
from openportability.vault import Unreadable, Vault


def cursor(vault: Vault, listing: str, *position: int | str) -> str:
    """Return the cursor after the row at `position`.

    `listing` names the list, its owner and its filter: a cursor is worth nothing elsewhere.
    """
    sealed = vault.seal(json.dumps(position).encode(), _place(listing))
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def position(vault: Vault, listing: str, cursor: str | None) -> tuple[int | str, ...] | None:
    """Return the position in a cursor, None for the beginning.

    Raise `Invalid` for a cursor that was not made for this list.
    """
    if not cursor:
        return None
    try:
        sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return tuple(json.loads(vault.open(sealed, _place(listing))))
    except (binascii.Error, ValueError, Unreadable):
        raise Invalid("svc.bad_cursor") from None


def _place(listing: str) -> str:
    return f"cursor:{listing}"
