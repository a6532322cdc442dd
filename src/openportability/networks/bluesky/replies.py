"""What servers answered, read with suspicion: no caller trusts a key to be there."""

from __future__ import annotations

from collections.abc import Mapping

from openportability.errors import Unavailable
from openportability.outbound import Reply


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
