"""A rule switched off says why on its line, and nothing is left for later."""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

from scripts.tree import ROOT, files, report

SWITCHED_OFF = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b[:\[\]\w,\s]*?(?P<reason>(?:#|-|–).*)?$")
LATER = re.compile(r"#\s*(?:TODO|FIXME|XXX)\b")


def main() -> int:
    """Look through every Python file."""
    return report([line for path in files(".py") for line in complaints(path)])


def complaints(path: Path) -> Iterator[str]:
    """Yield each comment that switches a rule off without a reason, or puts something off."""
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    source = io.StringIO(path.read_text(encoding="utf-8"))
    for token in tokenize.generate_tokens(source.readline):
        if token.type != tokenize.COMMENT:
            continue
        found = SWITCHED_OFF.search(token.string)
        if found and not found["reason"]:
            yield f"{name}:{token.start[0]}: say why the rule is off: `# noqa: CODE - reason`"
        if LATER.search(token.string):
            yield f"{name}:{token.start[0]}: do it now, or write an issue"


if __name__ == "__main__":
    sys.exit(main())
