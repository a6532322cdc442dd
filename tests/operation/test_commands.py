"""What commands say to who mistypes, or asks for what cannot be."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from openportability import cli
from openportability.db.schema import hosts
from tests.house import House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Shell:
    """Types commands as an operator does, and reads what they say."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house = house
        self._monkeypatch = monkeypatch

    def types(self, *words: str) -> int:
        self._monkeypatch.setattr(sys, "argv", ["openportability", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code


@pytest.fixture
def typist(shell: House, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(shell, monkeypatch)


@pytest.mark.parametrize("hours", ["nan", "inf", "-5", "1e9"])
def test_a_pause_that_cannot_be_is_refused_and_ends_none(
    typist: Shell, capsys: pytest.CaptureFixture[str], hours: str
) -> None:
    assert typist.types("pause", "sky") == 0
    before = paused(typist.house)
    assert typist.types("pause", "sky", "--hours", hours) == 1
    assert "0 ends one that goes on" in capsys.readouterr().err
    assert paused(typist.house) == before


def test_the_end_of_a_pause_is_called_so(typist: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    typist.types("pause", "sky")
    assert "Paused until" in capsys.readouterr().out
    typist.types("pause", "sky", "--hours", "0")
    assert capsys.readouterr().out.startswith("Not paused any more")


def test_an_address_is_no_server(typist: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert typist.types("pause", "herd", "https://meadow.example/") == 1
    assert "social.example.org" in capsys.readouterr().err
    assert paused(typist.house) == []
    assert typist.types("pause", "herd", " Meadow.example") == 0
    assert [where for where, _ in paused(typist.house)] == ["meadow.example"]


def test_who_is_not_here_is_said_in_words(
    typist: Shell, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert typist.types("user", "erase", "nobody") == 1
    assert "Nobody here has this id" in capsys.readouterr().err
    assert typist.types("archive", "inspect", str(tmp_path / "nothing.zip")) == 1
    said = capsys.readouterr().err
    assert said.endswith("(archive.corrupt_file)\n")
    assert "{" not in said


@pytest.mark.parametrize("command", ["serve", "desk"])
def test_a_port_that_is_taken_is_said_before_anything_is_promised(
    typist: Shell,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("OPENPORTABILITY_BIND", f"127.0.0.1:{port}")
        given = ["--port", str(port)] if command == "desk" else []
        assert typist.types(command, *given) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"Nothing can listen at 127.0.0.1:{port}" in said.err


def paused(house: House) -> list[tuple[str, int]]:
    with house.site.db.read() as tx:
        return [(row.instance, row.until) for row in tx.execute(select(hosts))]
