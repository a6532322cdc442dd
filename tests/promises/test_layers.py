"""The layers are what docs/architecture.md draws, they hold, and a break is seen."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

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
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {re.split(r"[\[<>=~! ]", line)[0] for line in wanted} - NOT_IMPORTED
    imported = {IMPORT_NAMES.get(name, name).replace("-", "_") for name in names}
    guarded = set(lines(contract("libraries")["forbidden_modules"]))
    assert guarded == imported | WAYS_OUT


def test_the_layers_hold() -> None:
    done = lint(ROOT / "src", ROOT / ".importlinter")
    assert done.returncode == 0, done.stdout[-3000:]


#: Where something is planted, what is imported there, and the contract that sees it, as it begins.
BREAKS = [
    ("domain.py", "openportability.db.engine", "Folders import downwards"),
    ("accounts/store.py", "openportability.matching.store", "Folders import downwards"),
    ("misc.py", "", "Folders import downwards"),
    ("graph/store.py", "openportability.graph.jobs", "In a folder"),
    ("jobs/port.py", "openportability.jobs.local", "Both engines"),
    ("matching/rules.py", "openportability.db.schema", "Rules and nouns"),
    ("networks/x/words.py", "openportability.networks.fake", "Networks know nothing"),
    ("networks/x/words.py", "openportability.vault", "A network knows"),
    ("accounts/rules.py", "openportability.networks.x", "No code names"),
    ("accounts/service.py", "sqlalchemy", "Each library"),
    ("vault.py", "httpx2", "Each library"),
    ("graph/probe.py", "openportability.graph.store", "No cycles"),
    ("graph/store.py", "openportability.graph.probe", "No cycles"),
]
#: What is said of a break that is no import from here to there.
SAID = {
    "misc.py": "not listed as layers:\n\n- openportability.misc",
    "graph/probe.py": "No cycles are allowed in openportability.graph.",
    "graph/store.py": "No cycles are allowed in openportability.graph.",
}


def test_each_break_is_seen(tmp_path: Path) -> None:
    """All are planted in one copy, for to lint is slow; each is looked for where its contract tells."""
    package = tmp_path / "openportability"
    code_alone = shutil.ignore_patterns("static", "templates", "locales", "__pycache__")
    shutil.copytree(ROOT / "src" / "openportability", package, ignore=code_alone)
    (package / "graph" / "jobs.py").touch()
    for where, what, _ in BREAKS:
        with (package / where).open("a", encoding="utf-8") as planted:
            # Inside a function: those imports count too.
            line = f"import {what}" if what else "pass"
            planted.write(f"\n\ndef planted() -> None:\n    {line}\n")
    done = lint(tmp_path, ROOT / ".importlinter")
    assert done.returncode == 1, done.stdout[-3000:]
    _, *told = re.split(r"^(.+)\n-{3,}\n", done.stdout, flags=re.MULTILINE)
    by_contract = dict(zip(told[::2], told[1::2], strict=True))
    for where, what, broken in BREAKS:
        here = f"openportability.{where.removesuffix('.py').replace('/', '.')}"
        said = f"{here} -> {what}"
        if not what or broken == "No cycles":
            said = SAID[where]
        found = [text for name, text in by_contract.items() if name.startswith(broken)]
        assert any(said in text for text in found), (where, what, broken, done.stdout[-6000:])


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
