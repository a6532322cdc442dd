"""Small enough to read at once: caps on the length of files and functions."""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.tree import ROOT, files, report


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Lines allowed."""

    median: int
    most: int  # 95 of 100 stay below
    cap: int


FILE = Budget(median=150, most=300, cap=400)
FUNCTION = Budget(median=8, most=35, cap=60)


def main() -> int:
    """Measure the product's code; tests and tools have the caps alone."""
    product: list[Path] = []
    others: list[Path] = []
    for path in files(".py"):
        name = path.relative_to(ROOT).parts
        # A revision of the schema says what it does from top to bottom.
        if "versions" not in name:
            (product if name[0] == "src" else others).append(path)
    return report([*_over(product), *_over(others), *_spread(product)])


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the name and length of each function, its decorators left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def _over(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        name = path.relative_to(ROOT)
        if (lines := _length(path)) > FILE.cap:
            yield f"{name}: {lines} lines, {FILE.cap} at most: is it one idea?"
        for function, length in functions(path):
            if length > FUNCTION.cap:
                yield f"{name}: {function} has {length} lines, {FUNCTION.cap} at most"


def _spread(paths: list[Path]) -> Iterator[str]:
    lengths = [n for path in paths if (n := _length(path))]
    bodies = [length for path in paths for _, length in functions(path)]
    for what, measured, budget in (("files", lengths, FILE), ("functions", bodies, FUNCTION)):
        median = statistics.median(measured)
        most = statistics.quantiles(measured, n=20)[-1]
        if median > budget.median:
            yield f"{what}: the median is {median:.0f} lines, {budget.median} at most"
        if most > budget.most:
            yield f"{what}: 1 in 20 is over {most:.0f} lines, {budget.most} at most"


def _length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    sys.exit(main())
