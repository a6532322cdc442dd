"""What an archive may cost, and whose lists it may change. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openportability.domain import Account, ActorId, Proof
from openportability.errors import Invalid


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose archive it is, by its own words: proof of nothing."""

    id: ActorId
    #: For reading only; empty if the archive does not say.
    handle: str


@dataclass(frozen=True, kw_only=True)
class Caps:
    """The most that reading one archive may cost. Whoever hits one is told its name."""

    #: Files in a zip.
    entries: int = 5_000_000
    #: Bytes of a path in a zip.
    name_bytes: int = 1024
    #: Files to be read: lists in parts, of all archives given.
    files: int = 10_000
    #: Bytes of a list when unpacked, all its parts together; about 14 million rows.
    list_bytes: int = 2 << 30
    #: Bytes of the manifest when unpacked.
    manifest_bytes: int = 4 << 20
    #: Bytes of what a browser tells about an archive, besides its lists.
    head_bytes: int = 4 << 20
    #: Unpacked bytes for each packed one. An ordinary list has 11.
    ratio: int = 100
    #: Rows of a list, all its parts together.
    rows: int = 5_000_000
    #: Bytes of text in one row; a longer one is passed over.
    row_bytes: int = 4096
    #: Archives that a user may bring in a day.
    uploads_a_day: int = 50


def check_owner(owner: Owner | None, mine: Sequence[Account]) -> Account | None:
    """Return the account of `mine` whose lists these are; None: the owner would be claimed.

    Raise `Invalid` for lists that are somebody else's, or nobody's.
    """
    proved = [account for account in mine if account.proof is Proof.PROVED]
    if owner is None:
        if len(proved) != 1:
            raise Invalid("archive.no_owner")
        return proved[0]
    for account in mine:
        if account.actor.id == owner.id:
            return account
    if mine:
        yours = (proved or mine)[0].actor
        raise Invalid(
            "archive.other_owner", owner=owner.handle or owner.id, mine=yours.handle or yours.id
        )
    return None
