"""The types that the ES modules name in their comments hold, as a compiler that writes nothing sees them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab import install
from scripts.tree import ROOT

SETTINGS = install.LAB / "pages" / "tsconfig.json"


def complaints(lab: Path, *asked: str) -> list[str]:
    """Return what the compiler says of modules of ours: others come as they were published."""
    program = lab / "node_modules"
    command = [str(program / ".bin" / "node"), str(program / "typescript" / "bin" / "tsc"), *asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [
        line for line in done.stdout.splitlines() if "error TS" in line and "vendor/" not in line
    ]


def test_the_types_of_all_modules_hold(pages_lab: Path) -> None:
    assert complaints(pages_lab, "--project", str(SETTINGS)) == []


def test_the_compiler_sees_a_wrong_type(pages_lab: Path, tmp_path: Path) -> None:
    planted = tmp_path / "planted.js"
    planted.write_text('/** @type {number} */\nexport const wrong = "words";\n')
    found = complaints(pages_lab, "--checkJs", "--noEmit", "--strict", "--lib", "es5", str(planted))
    assert any("not assignable to type 'number'" in one for one in found)
