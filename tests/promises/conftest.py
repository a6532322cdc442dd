"""Eyes on all that is sealed, and on all pages that are shown."""

from __future__ import annotations

from typing import Any

import pytest

from openportability import vault
from tests.browsing import Answer, Browser


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
