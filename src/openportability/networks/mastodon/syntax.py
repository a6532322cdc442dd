"""How people write an account or a server; what is stored and shown is always `user@domain`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from openportability.errors import Invalid

#: Characters that nobody sees: zero-width ones, direction marks, the byte order mark, soft hyphen.
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_USER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.~-]{0,98}[A-Za-z0-9_~-])?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1)(?::[0-9]{1,5})?")
#: Letters that the two standards for international names read as different domains.
_AMBIGUOUS = frozenset("ßς")


@dataclass(frozen=True, kw_only=True)
class Spelled:
    """What a person typed: a server, and perhaps the account they mean."""

    host: str
    user: str | None


def parse(typed: str, *, development: bool = False) -> Spelled:
    """Read any usual spelling of an account or a server.

    `development` also admits loopback hosts with a port. Raise `Invalid` with what is missing.
    """
    text = _UNSEEN.sub("", typed).strip()
    text = re.sub(r"^acct:", "", text, flags=re.IGNORECASE)
    if not text or len(text) > 500 or re.search(r"\s", text):
        raise Invalid("masto.bad_account")
    if re.match(r"https?://", text, flags=re.IGNORECASE) or "/" in text:
        return _from_link(text, development)
    user, at, host = text.removeprefix("@").rpartition("@")
    if at:
        return Spelled(host=host_of(host, development=development), user=_user(user))
    if text.startswith("@") or not _looks_like_host(text, development):
        _user(text.removeprefix("@"))
        raise Invalid("masto.no_server")
    return Spelled(host=host_of(text, development=development), user=None)


def address(text: str, own_handle: str, *, development: bool = False) -> Spelled:
    """Read an account as servers write it in files: `user@host`, or `user` alone for their own."""
    user, at, host = text.strip().removeprefix("@").partition("@")
    if not at:
        host = own_handle.partition("@")[2]
    return Spelled(host=host_of(host, development=development), user=_user(user))


def spell(user: str, host: str) -> str:
    """Return the one spelling that we store and show."""
    return f"{user}@{host}"


def host_of(text: str, *, development: bool = False) -> str:
    """Return a host name in its one form, lower case and IDNA; raise `Invalid` if it is none."""
    lowered = text.lower()
    if development and _LOOPBACK.fullmatch(lowered):
        return lowered
    lowered = lowered.removesuffix(":443").removesuffix(".")
    if _AMBIGUOUS & set(lowered):
        raise Invalid("masto.bad_account")
    try:
        host = lowered.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise Invalid("masto.bad_account") from None
    labels = host.split(".")
    if (
        len(host) > 253
        or len(labels) < 2
        or not all(_LABEL.fullmatch(label) for label in labels)
        or re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1])  # the end of an IP address
    ):
        raise Invalid("masto.bad_account")
    return host


def is_user(text: object) -> bool:
    """Tell whether a server's word can be the part before the `@`."""
    return isinstance(text, str) and _USER.fullmatch(text) is not None


def _user(text: str) -> str:
    if not is_user(text):
        raise Invalid("masto.bad_account")
    return text


def _looks_like_host(text: str, development: bool) -> bool:
    return "." in text or (development and _LOOPBACK.fullmatch(text.lower()) is not None)


def _from_link(text: str, development: bool) -> Spelled:
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        name = unquote(parts.path)
    except ValueError:
        raise Invalid("masto.bad_account") from None
    if parts.scheme not in ("https", "http") or "@" in parts.netloc:
        raise Invalid("masto.bad_account")
    host = host_of(parts.netloc, development=development)
    found = re.match(r"/(?:@|users/|web/@)([^/]+)", name)
    if not found:
        return Spelled(host=host, user=None)
    user, at, other = found[1].partition("@")
    if at and (home := host_of(other, development=development)) != host:
        # The account lives at `other` and was only looked at from `host`: which one is theirs?
        raise Invalid("masto.which_server", seen_from=host, lives_at=home)
    return Spelled(host=host, user=_user(user))
