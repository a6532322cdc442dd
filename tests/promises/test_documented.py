"""The documents lead somewhere, and say all there is to set."""

from __future__ import annotations

import subprocess
import tomllib

from openportability.settings import PREFIX, Settings
from scripts import links
from scripts.tree import ROOT, files

GNU_SECTIONS = 18  # numbered from 0


def test_every_link_of_the_documents_leads_somewhere() -> None:
    assert [line for path in files(".md") for line in links.complaints(path)] == []


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    names = {name.upper() for name in Settings.model_fields}
    assert {
        name for name in names if f"{PREFIX}{name}" not in page and f"`{name}`" not in page
    } == set()


def test_every_decision_is_in_their_list_and_short() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    for page in folder.glob("0*.md"):
        assert f"({page.name})" in listed
        assert len(page.read_text(encoding="utf-8").splitlines()) <= 40, page.name


def test_run_alone_lists_its_commands() -> None:
    done = subprocess.run([ROOT / "run"], capture_output=True, text=True, check=True)
    for command in ("demo", "demo --auto", "serve", "test", "check", "bench", "lab up|down"):
        assert f"./run {command}" in done.stdout


def test_an_unknown_command_is_wrong_use() -> None:
    done = subprocess.run([ROOT / "run", "fly"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "./run demo" in done.stderr


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("GNU AFFERO GENERAL PUBLIC LICENSE")
    assert all(f"\n{number}. " in text for number in range(GNU_SECTIONS))
    assert "END OF TERMS AND CONDITIONS" in text
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "AGPL-3.0-or-later"
