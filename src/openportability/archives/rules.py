"""What an archive may cost, and whose lists it may change. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from openportability.domain import Account, AccountId, ActorId, Proof
from openportability.errors import (
    Invalid,
    NotFound,
    OpenPortabilityError,
    Throttled,
    Unavailable,
)


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
    #: Signatures that begin nothing, where a zip is read without its directory; by chance there is one in 700 MB.
    false_signatures: int = 200_000
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
    #: Bytes unpacked of a zip in a zip, each time anew that it is gone back in: a minute of work.
    nested_bytes: int = 16 << 30
    #: Rows of a list, all its parts together.
    rows: int = 5_000_000
    #: Lines of an exported file of handles; no network takes back more than 20,000.
    handles: int = 200_000
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


def account_to_read(mine: Sequence[Account], chosen: AccountId | None) -> Account:
    """Return whose lists are meant, of the accounts of one network: the chosen one, or the only one.

    A claimed account has no lists to give but an archive's.
    """
    proved = [account for account in mine if account.proof is Proof.PROVED]
    meant = [account for account in proved if chosen in {None, account.id}]
    if not meant:
        raise NotFound
    if len(meant) > 1:
        raise Invalid("import.which_account")
    return meant[0]


#: Tries in a row without an answer, each later than the one before: some three hours in all.
_MOST_FAILURES = 10
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(minutes=30)


def again_at(error: OpenPortabilityError, failures: int, now: datetime) -> datetime | None:
    """Return when a reading that was stopped by an error goes on; None: never by itself.

    `failures`: how many tries in a row had failed before this one.
    """
    if failures + 1 >= _MOST_FAILURES or not isinstance(error, Throttled | Unavailable):
        return None
    if isinstance(error, Throttled) and error.until is not None:
        return error.until
    wait: timedelta = _FIRST_WAIT * 2**failures
    return now + min(wait, _LONGEST_WAIT)
