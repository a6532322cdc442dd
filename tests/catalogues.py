"""What the catalogues of translations hold, as their files say it."""

from __future__ import annotations

from collections.abc import Iterator

from babel.messages.pofile import read_po

from openportability.web.i18n import LOCALES


def texts(code: str) -> Iterator[tuple[str, str]]:
    """Yield each English text and what stands for it in a language; of plurals each form by itself."""
    with (LOCALES / f"{code}.po").open("rb") as file:
        for message in read_po(file):
            forms = [message.string] if isinstance(message.string, str) else message.string or ()
            english = message.id if isinstance(message.id, str) else message.id[-1]
            yield from ((english, form) for form in forms)
