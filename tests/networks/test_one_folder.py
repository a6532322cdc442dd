"""A network is a folder: no code, SQL, template or script outside `networks/` names one.

Comments and docstrings may: they give examples. So may translations, whose sentences come from the
folders, and what others wrote (`vendor/`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import openportability
from tests.networks.subject import folders

ROOT = Path(openportability.__file__).parent
#: Other words that would give a network away.
BRANDS = {"twitter", "tweet", "tweets", "bsky", "atproto", "toot", "snowflake"}
#: One letter is a word only where it stands for the brand; x is also half of every pair.
WORDS = {folder for folder in folders() if len(folder) > 1} | BRANDS
LETTERS = {folder.upper() for folder in folders() if len(folder) == 1}
#: Where the setting NETWORKS gets a value, which names folders by its nature.
MAY_SET_NETWORKS = {"settings.py", "demo.py", "demo"}
SETTING = re.compile(r"[a-z_]+(:[a-z_]+)?(,[a-z_]+(:[a-z_]+)?)+|[a-z_]+:[a-z_]+")

#: How the picture of a shared link is asked for, whichever network shows it.
CARD = 'name="twitter:card"'

COMMENTS = {
    ".html": r"\{#.*?#\}|<!--.*?-->",
    ".txt": r"\{#.*?#\}",
    ".xml": r"<!--.*?-->",
    ".svg": r"<!--.*?-->",
    ".css": r"/\*.*?\*/",
    ".js": r"/\*.*?\*/|(?<![:\w])//[^\n]*",
    ".sql": r"--[^\n]*",
}


def _files() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        if {"networks", "vendor", "locales", "__pycache__"}.isdisjoint(inside):
            yield path


SOURCES = [path for path in _files() if path.suffix == ".py"]
OTHERS = [path for path in _files() if path.suffix in COMMENTS]


def named_in(text: str) -> set[str]:
    """Return the networks that a text names, also within names like `follow_onSomething`."""
    words = {
        word.lower()
        for run in re.findall(r"[A-Za-z]+", text)
        for word in (run, *re.findall(r"[A-Z]?[a-z]+|[A-Z]+", run))
    }
    letters = {
        letter for letter in LETTERS if re.search(rf"(?<![\w\-{{%&#+/]){letter}(?![\w\-:%])", text)
    }
    return words & WORDS | letters


def _code_of(source: str) -> Iterator[str]:
    """Give the names and the texts of Python code, but not its docstrings."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield text
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name.lower()
            case ast.Compare() | ast.MatchValue():
                # Nobody compares a coordinate with a letter.
                yield from (letter.upper() for letter in _letters(node))
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case (
                ast.ImportFrom(module=str(name)) | ast.alias(name=name) | ast.keyword(arg=str(name))
            ):
                yield name


def _letters(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and len(part.value) == 1:
            yield part.value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_names_a_network(path: Path) -> None:
    may_set = not MAY_SET_NETWORKS.isdisjoint(path.relative_to(ROOT).parts)
    for text in _code_of(path.read_text(encoding="utf-8")):
        if not (may_set and SETTING.fullmatch(text)):
            assert not named_in(text), f"{text!r} names a network"


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_style_or_script_names_a_network(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    text = re.sub(COMMENTS[path.suffix], "", text, flags=re.DOTALL)
    for line in text.splitlines():
        assert not named_in(line.replace(CARD, "")), f"{line.strip()!r} names a network"


def test_the_reader_of_words_sees_names_and_spares_ordinary_letters() -> None:
    for text in ("mastodon", "followed_on_bluesky", "isMastodon", "leave X today", "Twitter", "X,"):
        assert named_in(text), text
    for text in ("X-Frame-Options", "overflow-x", "fakery", "x = 1", "PX", "A4X"):
        assert not named_in(text), text


def test_there_is_something_to_read() -> None:
    assert len(SOURCES) > 10
    assert {"fake"} <= set(folders())
