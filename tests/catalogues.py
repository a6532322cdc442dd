"""What the catalogues of translations hold, as their files say it, and which words stand outside of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from openportability.web.i18n import LOCALES

#: What is called alike in every language: us, the two halves of our name in the sign, the end of a file's name.
_NAMES = re.compile(r"\b(?:Open)?(?:Portability)?\b|\.csv\b")
_WORD = re.compile(r"[^\W\d_]{2,}")
#: A string that is read: unlike a class, an address or an icon it begins with a capital letter.
_LABEL = re.compile(r"(?:[A-Z][a-z]+|[A-Z](?= ))(?:[^\w/].*)?", re.DOTALL)
#: Attributes that are read.
_READ = {"title", "alt", "aria-label", "placeholder", "label"}
#: What asks a catalogue.
_ASKS = {"_", "gettext", "ngettext"}


def texts(code: str) -> Iterator[tuple[str, str]]:
    """Yield each English text and what stands for it in a language; of plurals each form by itself."""
    with (LOCALES / f"{code}.po").open("rb") as file:
        for message in read_po(file):
            forms = [message.string] if isinstance(message.string, str) else message.string or ()
            english = message.id if isinstance(message.id, str) else message.id[-1]
            yield from ((english, form) for form in forms)


def untranslated(template: str) -> list[str]:
    """Return the words of a template that no catalogue holds: in its tags and between them, and given to macros."""
    parsed = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"]).parse(template)
    page = _Page()
    for part in parsed.find_all(nodes.TemplateData):
        page.feed(part.data)
    asked = {
        id(word)
        for call in parsed.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in _ASKS
        for word in call.args
    }
    strings = [
        word.value
        for word in parsed.find_all(nodes.Const)
        if id(word) not in asked and isinstance(word.value, str) and _LABEL.fullmatch(word.value)
    ]
    return [one for one in (*page.words, *strings) if _WORD.search(_NAMES.sub("", one))]


class _Page(HTMLParser):
    """Finds what is read on a page; what a template fills in is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.words += [text for name, text in attrs if name in _READ and text]

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())
