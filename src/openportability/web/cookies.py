"""Our cookies: out of reach of scripts and other sites.

On https their names begin with `__Host-`, so that no subdomain can set them.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Literal

from starlette.requests import HTTPConnection
from starlette.responses import Response

from openportability.vault import Unreadable
from openportability.web.house import house_of

FLASH = "flash"
SESSION = "session"
LANGUAGE = "language"
THEME = "theme"

#: The themes a person may choose; anything else is what their system says.
THEMES = ("light", "dark")
#: How long a choice of language or theme is kept.
YEAR_SECONDS = 365 * 24 * 3600
#: How long a flash message waits for the page it belongs to.
_FLASH_SECONDS = 60
#: A cookie above 4096 bytes is dropped by browsers; a flash is a sentence or two.
_FLASH_CHARACTERS = 600
#: A longer way on is left out of it.
_WAY_CHARACTERS = 300

NoticeKind = Literal["done", "note", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class Flash:
    """A message to be shown once, on the next page."""

    kind: NoticeKind
    text: str
    #: A way on: an address of ours, and its words.
    href: str = ""
    action: str = ""


def read(connection: HTTPConnection, name: str) -> str | None:
    """Return the value of one of our cookies."""
    return connection.cookies.get(_full_name(connection, name))


def put(
    connection: HTTPConnection,
    response: Response,
    name: str,
    value: str,
    *,
    max_age_seconds: int | None,
) -> None:
    """Set a cookie; without an age it ends with the browser."""
    response.set_cookie(
        _full_name(connection, name),
        value,
        max_age=max_age_seconds,
        path="/",
        secure=_is_https(connection),
        httponly=True,
        samesite="lax",
    )


def drop(connection: HTTPConnection, response: Response, name: str) -> None:
    """Remove a cookie from the browser."""
    put(connection, response, name, "", max_age_seconds=0)


def flash(
    connection: HTTPConnection,
    response: Response,
    kind: NoticeKind,
    text: str,
    *,
    way: tuple[str, str] | None = None,
) -> None:
    """Show a message on the next page, with a `way` on. Sealed: nobody else puts words on our pages."""
    on = way if way and len("".join(way)) <= _WAY_CHARACTERS else ()
    left = _FLASH_CHARACTERS - len("".join(on))
    plain = json.dumps([kind, text[:left], *on], ensure_ascii=False).encode()
    sealed = house_of(connection).vault.seal(plain, _place(FLASH))
    value = base64.urlsafe_b64encode(sealed).decode()
    put(connection, response, FLASH, value, max_age_seconds=_FLASH_SECONDS)


def flash_of(connection: HTTPConnection) -> Flash | None:
    """Return the message that waits, if any."""
    value = read(connection, FLASH)
    if not value:
        return None
    try:
        sealed = base64.urlsafe_b64decode(value)
        kind, text, *on = json.loads(house_of(connection).vault.open(sealed, _place(FLASH)))
    except (binascii.Error, ValueError, Unreadable):
        return None
    href, action = on or ("", "")
    return Flash(kind=kind, text=text, href=href, action=action)


def theme_of(connection: HTTPConnection) -> str:
    """Return the theme a person chose; empty: as their system says."""
    value = read(connection, THEME)
    return value if value in THEMES else ""


def _place(name: str) -> str:
    return f"cookie:{name}"


def _full_name(connection: HTTPConnection, name: str) -> str:
    return f"__Host-{name}" if _is_https(connection) else name


def _is_https(connection: HTTPConnection) -> bool:
    return house_of(connection).settings.production
