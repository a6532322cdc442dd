"""Links between our documents lead somewhere: to a file that is there, and to a heading in it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from scripts.tree import ROOT, files, report

LINK = re.compile(r"!?\[[^\]]*\]\((?P<to>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def main() -> int:
    """Follow the links of every document; those that leave the repository are not asked."""
    return report([line for path in files(".md") for line in complaints(path)])


def complaints(path: Path) -> Iterator[str]:
    """Yield each link that leads nowhere."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    for found in LINK.finditer(text):
        to = found["to"]
        if re.match(r"[a-z]+:", to):
            continue
        name, _, heading = unquote(to).partition("#")
        target = (path.parent / name).resolve() if name else path
        where = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        if not target.exists():
            yield f"{where}: {to} is not there"
        elif heading and target.suffix == ".md" and heading not in headings(target):
            yield f"{where}: {to} has no such heading"


@cache
def headings(path: Path) -> frozenset[str]:
    """Return the anchors of a document's headings, as forges make them."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+\s+(.+?)\s*#*$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles)


if __name__ == "__main__":
    sys.exit(main())
