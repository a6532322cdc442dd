"""`./run demo --auto`: a newcomer's whole journey, on the database of many machines."""

from __future__ import annotations

import pytest

from openportability.clock import SystemClock
from openportability.demo import show, stage
from openportability.domain import Purpose


# On SQLite the journeys in a browser play it, and `./run demo` itself.
@pytest.mark.slow
@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_the_tour_ends_with_the_follows_really_there(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stage, "PEOPLE", 400)
    assert show.play(0, empty_database_url) == 0, capsys.readouterr().out


def test_what_the_terminal_says_to_type_leads_to_the_newcomer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stage, "PEOPLE", 400)
    with stage.stage(show.free_port(), SystemClock()) as site:
        said = show.steps(site, 80)
        for name in stage.DESTINATIONS:
            network = site.networks[name]
            assert network.sign_in
            assert network.sign_in.field
            line = next(one for one in said.splitlines() if network.sign_in.field.label in one)
            begun = network.sign_in.begin(
                typed=line.split()[-1],
                purpose=Purpose.IDENTIFY,
                redirect_uri=site.settings.base_url,
                state="",
                language="en",
            )
            assert f"hint={stage.NEWCOMER}" in begun.url
