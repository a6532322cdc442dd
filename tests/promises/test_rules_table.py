"""The pages that make promises name tests that exist, miss no rule, and say what the schema says."""

from __future__ import annotations

import re

import pytest

from scripts import print_privacy
from scripts.tree import ROOT

RULES = [
    f"{letter}{number}"
    for letter, count in (("S", 26), ("C", 21), ("R", 14), ("P", 11))
    for number in range(1, count + 1)
]


def rows(page: str) -> list[list[str]]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names_of_tests() -> set[str]:
    return {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(
            r"^\s*def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }


def test_every_rule_is_in_the_table_once() -> None:
    assert [row[0] for row in rows("rules.md") if re.fullmatch(r"[SCRP]\d+", row[0])] == RULES


def test_every_rule_has_a_test_or_a_line_of_design() -> None:
    for row in rows("rules.md"):
        if re.fullmatch(r"[SCRP]\d+", row[0]):
            assert "`test_" in row[2] or "design:" in row[2], row[0]
            assert "not yet" not in row[2], row[0]


@pytest.mark.parametrize("page", ["rules.md", "threat-model.md"])
def test_every_named_test_exists(page: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / page).read_text(encoding="utf-8")))
    assert named
    assert named - names_of_tests() == set()


def test_the_page_of_what_is_kept_is_the_schema() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert page == print_privacy.privacy_page()
