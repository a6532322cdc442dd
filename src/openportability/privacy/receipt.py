"""A receipt for having left: when, and how many rows of which tables went. It names nobody.

`body.signature`, both base64url: the body is JSON, the signature Ed25519. Anybody with the receipt
can have it checked here, or check it with the key that the site publishes.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from openportability.errors import Invalid
from openportability.vault import Vault


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a receipt says."""

    site: str
    at: datetime
    #: Rows deleted, by table.
    deleted: Mapping[str, int]


def issue(vault: Vault, receipt: Receipt) -> str:
    """Sign a receipt. A random number tells it from others of the same second."""
    form = {
        "site": receipt.site,
        "at": receipt.at.isoformat(timespec="seconds"),
        "deleted": dict(sorted(receipt.deleted.items())),
        "number": secrets.token_hex(8),
    }
    body = json.dumps(form, sort_keys=True, separators=(",", ":")).encode()
    return f"{_encoded(body)}.{_encoded(vault.sign(body))}"


def check(vault: Vault, text: str) -> Receipt:
    """Return what a receipt of this site says; raise `Invalid` for anything else."""
    body, _, signature = "".join(text.split()).partition(".")
    try:
        plain, signed = _decoded(body), _decoded(signature)
    except (binascii.Error, ValueError):
        raise Invalid("svc.bad_receipt") from None
    if not vault.is_signed(plain, signed):
        raise Invalid("svc.bad_receipt")
    form = json.loads(plain)
    return Receipt(
        site=form["site"], at=datetime.fromisoformat(form["at"]), deleted=form["deleted"]
    )


def _encoded(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
