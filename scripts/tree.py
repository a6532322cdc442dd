"""Which files the repository holds."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def files(*suffixes: str, root: Path = ROOT) -> Iterator[Path]:
    """Yield what git holds or would take; every file where there is no git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and (root / ".git").exists():
        found = sorted({root / name for name in listed.stdout.split("\0") if name})
    else:
        found = sorted(path for path in root.rglob("*") if ".venv" not in path.parts)
    for path in found:
        if path.is_file() and (not suffixes or path.suffix in suffixes):
            yield path


def report(complaints: list[str]) -> int:
    """Print what was found and return the exit code."""
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0
