"""Eyes on all that is sealed, and on all pages that are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from openportability import vault
from openportability.clock import MovedClock
from tests.browsing import Answer, Browser
from tests.house import House, opened


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """All that was sealed, as it was before."""
    plain: list[bytes] = []
    seal = vault._gcm_seal

    def watched(key: Any, text: bytes, header: bytes, place: str) -> bytes:
        plain.append(text)
        return seal(key, text, header, place)

    monkeypatch.setattr(vault, "_gcm_seal", watched)
    return plain


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """All answers of our own pages; the networks' pages may know their own codes."""
    seen: list[Answer] = []
    ask = Browser.ask

    def watched(self: Browser, method: str, address: str, **more: object) -> Answer:
        answer = ask(self, method, address, **more)  # type: ignore[arg-type] # passed on as it came
        if not answer.path.startswith("/_simulated/"):
            seen.append(answer)
        return answer

    monkeypatch.setattr(Browser, "ask", watched)
    return seen


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A site for all tests of a module, none of which leaves anything behind that another minds."""
    folder = tmp_path_factory.mktemp("shared")
    with opened(folder, f"sqlite:///{folder / 'site.db'}", MovedClock()) as made:
        yield made


@pytest.fixture(scope="module")
def shared_member(shared_house: House) -> Browser:
    """The browser of somebody who signed in there."""
    browser = shared_house.new_browser()
    browser.sign_in("bird", "newcomer")
    return browser
