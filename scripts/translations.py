"""The catalogues of translations.

`python -m scripts.translations` checks them · `extract` writes locales/messages.pot from the
sources and brings every .po up to date · `add CODE` begins a language · `compile` writes the .mo files that
a package carries.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from openportability.web.i18n import LOCALES, compile_catalogue
from scripts.tree import ROOT, report

SOURCES = ROOT / "src/openportability"
METHODS = [("web/static/**", "ignore"), ("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {
    "**/templates/**.html": {
        "trimmed": "true",
        "silent": "false",
        "encoding": "utf-8",
        "extensions": "jinja2.ext.do",
    }
}
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "to_translate": None}

_PLACEHOLDER = re.compile(r"%\(\w+\)s")


def main(arguments: list[str]) -> int:
    """Do what is asked; without a word, check."""
    match arguments:
        case ["extract"]:
            update(extracted())
        case ["add", code]:
            _write(LOCALES / f"{code}.po", _new(locale=code.replace("-", "_")))
            update(extracted())
        case ["compile"]:
            for po in LOCALES.glob("*.po"):
                po.with_suffix(".mo").write_bytes(compile_catalogue(po))
        case []:
            return report(list(complaints(extracted())))
        case _:
            print(__doc__)
            return 2
    return 0


def extracted() -> Catalog:
    """Return all texts of the sources."""
    found = _new(locale=None)
    texts = extract_from_dir(
        SOURCES,
        METHODS,
        OPTIONS,
        keywords=KEYWORDS,
        comment_tags=("L10N:",),
        strip_comment_tags=True,
    )
    for path, line, message, comments, context in texts:
        found.add(message, None, [(path, line)], auto_comments=comments, context=context)
    for path, line, message in _of_networks():
        found.add(message, None, [(path, line)])
    return found


def _of_networks() -> Iterator[tuple[str, int, str]]:
    """Yield what networks say on pages: errors in words, what is typed before signing in, what a file is for.

    They know nothing of languages, so nothing in them is marked.
    """
    for path in sorted((SOURCES / "networks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            told: list[ast.expr] = []
            if isinstance(node, ast.Tuple) and path.name == "words.py":
                told = node.elts
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"Field", "FollowsFile"}:
                told = [one.value for one in node.keywords if one.arg in {"label", "help"}]
            for text in told:
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield path.relative_to(SOURCES).as_posix(), text.lineno, text.value


def _new(*, locale: str | None) -> Catalog:
    return Catalog(
        locale=locale,
        project="OpenPortability",
        version="1",
        copyright_holder="The OpenPortability founders",
        msgid_bugs_address="none",
        last_translator="none",
        language_team="none",
        header_comment="# OpenPortability in other words. Licence: AGPL-3.0-or-later.",
        fuzzy=False,
    )


def update(template: Catalog) -> None:
    """Bring the template and every language up to date; what was translated stays."""
    _write(LOCALES / "messages.pot", template)
    for po in sorted(LOCALES.glob("*.po")):
        catalogue = _read(po)
        catalogue.update(template, no_fuzzy_matching=True)
        _write(po, catalogue)


def complaints(template: Catalog) -> Iterator[str]:
    """Yield each text that a language lacks, whose placeholders it has changed, or that would be markup on a page."""
    for po in sorted(LOCALES.glob("*.po")):
        catalogue = _read(po)
        for message in template:
            if not message.id:
                continue
            translated = catalogue.get(message.id, message.context)
            text = message.id if isinstance(message.id, str) else message.id[0]
            if translated is None or not all(_texts(translated.string)):
                yield f"{po.name}: not translated: {text}"
            elif not _same_places(message, translated):
                yield f"{po.name}: other placeholders: {text}"
            elif any("<" in form for form in _texts(translated.string)):
                yield f"{po.name}: markup: {text}"


def _same_places(message: Message, translated: Message) -> bool:
    """Say whether each place is filled in as often; a form for none, one or two may spell its number out."""
    wanted = Counter(_PLACEHOLDER.findall(_texts(message.id)[-1]))
    *few, most = (Counter(_PLACEHOLDER.findall(text)) for text in _texts(translated.string))
    return most == wanted and all(each <= wanted for each in few)


def _texts(text: object) -> list[str]:
    return [text] if isinstance(text, str) else list(text) if isinstance(text, list | tuple) else []


def _read(po: Path) -> Catalog:
    with po.open("rb") as file:
        return read_po(file, locale=po.stem.replace("-", "_"))


def _write(path: Path, catalogue: Catalog) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=100, omit_header=False, sort_by_file=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
