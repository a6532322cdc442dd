"""`./run demo --auto`: a newcomer's whole journey, on the database of many machines."""

from __future__ import annotations

import pytest

from openportability.demo import show, stage


# On SQLite the journeys in a browser play it, and `./run demo` itself.
@pytest.mark.slow
@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_the_tour_ends_with_the_follows_really_there(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stage, "PEOPLE", 400)
    assert show.play(0, empty_database_url) == 0, capsys.readouterr().out
