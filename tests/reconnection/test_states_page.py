"""The page about states says what the table says."""

from __future__ import annotations

from scripts.print_states import states_page
from scripts.tree import ROOT


def test_the_page_is_as_printed() -> None:
    page = ROOT / "docs" / "reference" / "states.md"
    assert page.read_text(encoding="utf-8") == states_page(), "run scripts/print_states.py"
