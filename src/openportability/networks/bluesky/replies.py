"""What servers answered, read with suspicion: no caller trusts a key to be there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from openportability.errors import Unavailable
from openportability.outbound import Reply

#: Servers accept proofs some minutes old; a clock further off than this is worth correcting.
CLOCK_OFF = timedelta(seconds=30)
#: Names under which servers refuse a proof of a key, or of who we are, that is stale or of later.
OF_TIME = frozenset({"invalid_dpop_proof", "invalid_client"})


def mapping(reply: Reply) -> Mapping[str, object]:
    """Return the JSON object of an answer; anything else is as good as no answer."""
    found = content(reply)
    if not isinstance(found, dict):
        raise Unavailable("at.pds_down")
    return found


def content(reply: Reply) -> object:
    """Return the JSON of an answer, None if it is none."""
    try:
        found: object = reply.json()
    except (Unavailable, ValueError):
        return None
    return found


def error_name(reply: Reply) -> str:
    """Return an error's name for machines, from the body or the challenge; empty if none."""
    found = content(reply)
    name = found.get("error") if isinstance(found, dict) else None
    if isinstance(name, str):
        return name
    _, mark, rest = reply.headers.get("www-authenticate", "").partition('error="')
    return rest.partition('"')[0] if mark else ""


def is_tombstone(reply: Reply, did: str) -> bool:
    """Tell whether a directory says that a DID was there and was given up: some do so by a 404.

    https://github.com/did-method-plc/did-method-plc (packages/server)
    """
    found = content(reply)
    return isinstance(found, dict) and found.get("message") == f"DID not available: {did}"


def text_of(found: Mapping[str, object], key: str) -> str:
    """Return a text that must be there and not empty."""
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise Unavailable("at.pds_down")
    return value


def texts_of(found: Mapping[str, object], key: str) -> frozenset[str]:
    """Return the texts of a list, empty if there is none."""
    value = found.get(key)
    return (
        frozenset(x for x in value if isinstance(x, str))
        if isinstance(value, list)
        else frozenset()
    )


def time_of(reply: Reply) -> datetime | None:
    """Return the server's time, if it says one."""
    try:
        found = parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def clock_differs(reply: Reply) -> bool:
    """Tell whether the server's clock is so far from ours that proofs of ours are refused."""
    theirs = time_of(reply)
    return theirs is not None and abs(theirs - reply.at) > CLOCK_OFF
