"""Each page at each stop of a newcomer's way: axe finds nothing, and the HTML is valid."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from openportability.demo import stage
from openportability.demo.stage import SOURCE
from scripts import shots
from tests.browser.audit import Auditor, invalid
from tests.browser.world import Demo


def test_axe_finds_nothing_and_the_html_is_valid(
    demo: Demo, chromium: Browser, pages_lab: Path, tmp_path: Path
) -> None:
    me = next(demo.others)
    archive = tmp_path / "archive.zip"
    archive.write_bytes(stage.archive(demo.site, me[SOURCE]))
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    auditor = Auditor.at(context.new_page(), pages_lab)
    shots.walk(auditor, demo.url, me, archive)
    context.close()
    assert auditor.found + invalid(pages_lab, auditor.html) == []


def test_the_validator_sees_what_is_not_valid(pages_lab: Path) -> None:
    (complaint,) = invalid(pages_lab, {"planted": "<!doctype html><p><div>no</div></p>"})[:1]
    assert complaint.startswith("planted 1:")
