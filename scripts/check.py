"""`./run check`: everything short of the tests.

All steps run, so that one run tells all there is to mend.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from scripts.tree import ROOT

#: Folders with code that is typed strictly; those that are not there yet are left out.
TYPED = [name for name in ("src", "tests", "scripts", "lab", "bench") if (ROOT / name).is_dir()]

#: A name for people, then the command.
STEPS = [
    ("format", "ruff", "format", "--check", "--quiet", "."),
    ("lint", "ruff", "check", "--quiet", "."),
    ("types", "mypy", *TYPED),
    ("layers", "lint-imports"),
    ("dependencies", "deptry", "."),
    ("budgets", "scripts.budgets"),
    ("sync", "scripts.sync_only"),
    ("reasons", "scripts.reasons"),
    ("strangers", "scripts.strangers"),
    ("audit", "scripts.audit"),
    ("links", "scripts.links"),
    ("translations", "scripts.translations"),
]


def main(names: list[str]) -> int:
    """Run the steps named, or all; return 1 if one failed."""
    if unknown := set(names) - {name for name, *_ in STEPS}:
        print(f"unknown: {', '.join(sorted(unknown))}; steps: {', '.join(s[0] for s in STEPS)}")
        return 2
    failed = [
        name for name, *command in STEPS if (not names or name in names) and not _run(name, command)
    ]
    if failed:
        print(f"\nTo mend: {', '.join(failed)}. One alone: ./run check {failed[0]}")
    return 1 if failed else 0


def _run(name: str, command: list[str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(
        _program(command),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    word = "ok" if done.returncode == 0 else "FAILED"
    print(f"{name:14}{word:8}{time.monotonic() - started:5.1f} s", flush=True)
    if done.returncode != 0:
        print(done.stdout.rstrip())
    return done.returncode == 0


def _program(command: list[str]) -> list[str]:
    """Return how to start a tool: as a module of ours, or as the program beside this Python."""
    tool, *arguments = command
    if tool.startswith("scripts."):
        return [sys.executable, "-m", tool]
    return [str(Path(sys.executable).parent / tool), *arguments]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
