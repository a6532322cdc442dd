"""The layers are what docs/architecture.md draws, they hold, and a break is seen."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts.tree import ROOT

#: What a network may know; everything else at the top is forbidden to it.
OPEN_TO_NETWORKS = {
    "clock",
    "domain",
    "errors",
    "network",
    "networks",
    "outbound",
    "__main__",
    "cli",
}

#: Where the name on the shelf is not the name in the code.
IMPORT_NAMES = {"dnspython": "dns"}

#: Loaded by another library, imported by no code of ours.
NOT_IMPORTED = {"python-multipart"}

#: Of Python itself, but a way out all the same.
WAYS_OUT = {"socket", "smtplib"}


def contract(name: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser[f"importlinter:contract:{name}"]


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_the_drawing_of_the_layers_is_the_contract() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    fence = re.search(r"```layers\n(.*?)```", page, re.DOTALL)
    assert fence
    drawn = [row.strip() for row in fence[1].replace("\n", " ").split("▸")]
    assert drawn == lines(contract("flow")["layers"])


def test_a_network_is_forbidden_everything_but_the_contract_and_the_way_out() -> None:
    package = ROOT / "src" / "openportability"
    there = {
        path.stem
        for path in package.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    forbidden = lines(contract("networks-down")["forbidden_modules"])
    expected = there - OPEN_TO_NETWORKS - {"__init__"}
    assert forbidden == sorted(f"openportability.{name}" for name in expected)


def test_every_library_has_a_door_and_every_door_a_library() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        listed += extra
    names = {re.split(r"[\[<>=~! ]", line)[0] for line in listed} - NOT_IMPORTED
    imported = {IMPORT_NAMES.get(name, name).replace("-", "_") for name in names}
    guarded = set(lines(contract("libraries")["forbidden_modules"]))
    assert guarded == imported | WAYS_OUT


def test_the_layers_hold() -> None:
    done = lint(ROOT / "src", ROOT / ".importlinter")
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize(
    ("where", "what", "broken"),
    [
        ("domain.py", "import openportability.db.engine", "Folders import downwards"),
        ("accounts/store.py", "import openportability.matching.store", "Folders import downwards"),
        ("misc.py", "", "Folders import downwards"),
        ("graph/store.py", "import openportability.graph.jobs", "In a folder"),
        ("jobs/port.py", "import openportability.jobs.local", "Both engines"),
        ("matching/rules.py", "import openportability.db.schema", "Rules and nouns"),
        ("networks/x/words.py", "import openportability.networks.fake", "Networks know nothing"),
        ("networks/x/words.py", "import openportability.vault", "A network knows"),
        ("accounts/rules.py", "import openportability.networks.x", "No code names"),
        ("accounts/service.py", "import sqlalchemy", "Each library"),
        ("vault.py", "import httpx2", "Each library"),
        ("graph/probe.py", "import openportability.graph.store", "No cycles"),
    ],
)
def test_a_break_is_seen(tmp_path: Path, where: str, what: str, broken: str) -> None:
    code_alone = shutil.ignore_patterns("static", "templates", "locales", "__pycache__")
    shutil.copytree(
        ROOT / "src" / "openportability", tmp_path / "openportability", ignore=code_alone
    )
    planted = tmp_path / "openportability" / where
    before = planted.read_text(encoding="utf-8") if planted.exists() else ""
    # Inside a function: those imports count too.
    planted.write_text(f"{before}\n\ndef planted() -> None:\n    {what or 'pass'}\n")
    if where == "graph/store.py":
        (tmp_path / "openportability" / "graph" / "jobs.py").touch()
    if where == "graph/probe.py":
        store = tmp_path / "openportability" / "graph" / "store.py"
        store.write_text(store.read_text() + "\n\nimport openportability.graph.probe\n")
    done = lint(tmp_path, ROOT / ".importlinter")
    assert done.returncode == 1, done.stdout[-3000:]
    assert re.search(rf"{broken}.* BROKEN", done.stdout), done.stdout[-3000:]


def lint(source: Path, config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--config", str(config), "--no-cache"],
        cwd=source,
        env={
            "PYTHONPATH": str(source),
            "PATH": "",
            "COLUMNS": "200",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
