"""The newcomer's way in French and in Arabic: every word of a page is of its language, and runs as it does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from openportability.demo import stage
from openportability.demo.stage import SOURCE
from openportability.web import i18n
from openportability.web.i18n import Language
from scripts import shots
from tests import catalogues
from tests.browser.visit import look
from tests.browser.world import Demo

#: For those who build pages, in English.
NOT_TRANSLATED = {"_patterns"}
#: Shorter ones may be words of the other language too.
_LEAST_WORDS = 3


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads each page, and knows which sentences should not stand there."""

    tab: Page
    language: Language
    english: frozenset[str]

    def take(self, name: str, *, readme: bool = False) -> None:
        if name in NOT_TRANSLATED:
            return
        look(self.tab)
        frame = self.tab.locator("html")
        assert frame.get_attribute("lang") == self.language.code, name
        assert frame.get_attribute("dir") == self.language.direction, name
        words = self.tab.locator("body").inner_text()
        assert not [one for one in self.english if one in words], name


def sentences(language: Language) -> frozenset[str]:
    """Return the English sentences that stand otherwise in this language and have nothing filled in."""
    return frozenset(
        one
        for one, other in catalogues.texts(language.code)
        if "%" not in one and len(one.split()) >= _LEAST_WORDS and one != other
    )


@pytest.mark.parametrize("code", ["fr", "ar"])
def test_the_way_is_the_same_in(demo: Demo, chromium: Browser, tmp_path: Path, code: str) -> None:
    language = i18n.load_languages()[code]
    me = next(demo.others)
    before = demo.follows(me)
    archive = tmp_path / "archive.zip"
    archive.write_bytes(stage.archive(demo.site, me[SOURCE]))
    context = chromium.new_context(viewport={"width": 320, "height": 800})
    reader = Reader(tab=context.new_page(), language=language, english=sentences(language))
    shots.straight(reader, demo.url, me, archive)
    after = demo.follows(me)
    assert sum(one.total() for one in after.values()) > sum(one.total() for one in before.values())
    if language.direction == "rtl":
        shots.look_around(reader, demo.url)
    context.close()
