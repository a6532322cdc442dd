"""`./run demo --auto`: a newcomer's whole journey, on either database."""

from __future__ import annotations

import pytest

from openportability.demo import show, stage


@pytest.mark.slow
def test_the_tour_ends_with_the_follows_really_there(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stage, "PEOPLE", 400)
    assert show.play(0, empty_database_url) == 0, capsys.readouterr().out
