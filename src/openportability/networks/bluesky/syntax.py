"""What people type and what identifiers look like: handles, DIDs, servers, record keys. Pure.

`local` admits what exists on this machine alone, in development: `.test` handles and localhost.

Rules: https://atproto.com/specs/handle, /specs/did, /specs/tid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from openportability.errors import Invalid

MOST_CHARACTERS = 253
#: Endings of names that nobody can look up on the public network.
RESERVED_ENDINGS = frozenset(
    "alt arpa example internal invalid local localhost onion".split(),
)
#: Resolves nowhere; servers of the test lab use it.
TEST_ENDING = "test"
#: Hosts of the app whose profile links people paste.
PROFILE_HOSTS = frozenset({"bsky.app", "www.bsky.app", "staging.bsky.app"})

DEFAULT_PORTS = {"https": 443, "http": 80}

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HANDLE = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_DID_PLC = re.compile(r"did:plc:[a-z2-7]{24}")
_DID_WEB = re.compile(rf"did:web:((?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?)")
_DID_WEB_HERE = re.compile(r"did:web:localhost(?:%3A[0-9]{1,5})?")
_TID = re.compile(r"[2-7a-j][2-7a-z]{12}")
#: Marks that phones and messengers put around copied names.
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]")


@dataclass(frozen=True, kw_only=True)
class Named:
    """A handle was typed."""

    handle: str


@dataclass(frozen=True, kw_only=True)
class Identified:
    """A DID was typed."""

    did: str


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """A server was typed: the person says who they are there."""

    origin: str


def read_typed(text: str, *, local: bool = False) -> Named | Identified | Hosted:
    """Tell what was typed: a handle, a DID, a profile link or a server."""
    text = _INVISIBLE.sub("", text).strip()
    if text.lower().startswith("did:"):
        return _identified(text, local)
    if "://" in text:
        return _read_link(text, local)
    text = text.removeprefix("@").strip()
    if local and (text == "localhost" or text.startswith("localhost:")):
        return Hosted(origin=origin_of(f"http://{text}"))
    name = text.rstrip("./").lower()
    if name and "." not in name and re.fullmatch(_LABEL, name):
        raise Invalid("at.handle_short")
    return Named(handle=read_handle(name, local=local))


def _identified(text: str, local: bool) -> Identified:
    if not is_did(text, local=local):
        raise Invalid("at.handle_unknown")
    return Identified(did=text)


def _read_link(text: str, local: bool) -> Named | Identified | Hosted:
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        raise Invalid("at.handle_unknown") from None
    if parts.scheme == "at":
        return _read_name(unquote(parts.netloc), local)
    if host in PROFILE_HOSTS:
        words = parts.path.split("/")
        if len(words) < 3 or words[1] != "profile":
            raise Invalid("at.handle_unknown")
        return _read_name(unquote(words[2]), local)
    return Hosted(origin=origin_of(text))


def _read_name(name: str, local: bool) -> Named | Identified:
    if name.startswith("did:"):
        return _identified(name, local)
    return Named(handle=read_handle(name, local=local))


def read_handle(text: str, *, local: bool = False) -> str:
    """Return the handle in lower case, or raise `Invalid`."""
    handle = text.lower()
    ending = handle.rpartition(".")[2]
    allowed = ending not in RESERVED_ENDINGS and (local or ending != TEST_ENDING)
    if len(handle) > MOST_CHARACTERS or not _HANDLE.fullmatch(handle) or not allowed:
        raise Invalid("at.handle_unknown")
    return handle


def is_did(text: str, *, local: bool = False) -> bool:
    """Tell whether this is a DID of the kinds that accounts have: `plc`, and `web` of a host."""
    if _DID_PLC.fullmatch(text):
        return True
    if local and _DID_WEB_HERE.fullmatch(text):
        return True
    web = _DID_WEB.fullmatch(text)
    return web is not None and web[1].rpartition(".")[2] not in RESERVED_ENDINGS | {TEST_ENDING}


def is_record_key(text: str) -> bool:
    """Tell whether this is a TID, the only record key that a follow may have."""
    return _TID.fullmatch(text) is not None


def origin_of(url: str) -> str:
    """Return `scheme://host[:port]` of a server's address, or raise `Invalid`.

    Whether we go there, and whether by plain http, is for the door to say.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Invalid("at.handle_unknown") from None
    if parts.scheme not in DEFAULT_PORTS or not host or parts.username is not None:
        raise Invalid("at.handle_unknown")
    shown = f"[{host}]" if ":" in host else host
    usual = port is None or port == DEFAULT_PORTS[parts.scheme]
    return f"{parts.scheme}://{shown}" + ("" if usual else f":{port}")
