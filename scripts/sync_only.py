"""Nothing awaits but a stream that lives for minutes, who is held in line, and two edges that others define as async.

Why: docs/decisions/0004-sync-code.md.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.tree import ROOT, files, report

MAY_AWAIT = {
    "src/openportability/web/sse.py",
    "src/openportability/web/documents.py",
    "src/openportability/web/connection.py",
    "src/openportability/web/incoming.py",
    "src/openportability/web/large.py",
    "src/openportability/web/line.py",
    "src/openportability/web/routing.py",
    "src/openportability/web/security.py",
    "src/openportability/web/squeeze.py",
    "src/openportability/web/threads.py",
    "src/openportability/jobs/procrastinate.py",
}


def main() -> int:
    """Look through the product's code."""
    paths = (path for path in files(".py") if path.relative_to(ROOT).parts[0] == "src")
    return report([line for path in paths for line in complaints(path)])


def complaints(path: Path) -> Iterator[str]:
    """Yield each place that is async and may not be."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    if name in MAY_AWAIT:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield f"{name}:{node.lineno}: async here; plain functions only"


if __name__ == "__main__":
    sys.exit(main())
