"""What is done from a shell stands on record: who, what, when, and nobody whom it was about."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from openportability import cli
from openportability.clock import MovedClock
from openportability.db import migrate
from openportability.db.engine import Database
from openportability.operator import audit
from openportability.privacy import keys
from openportability.privacy.keys import Rotated
from tests.house import House
from tests.operation.faults import full_disk

ME = pwd.getpwuid(os.getuid()).pw_name
#: They change nothing and take nothing, or are the site itself, whose log is enough; `desk` records each act.
UNRECORDED = {"serve", "worker", "doctor", "costs", "audit", "desk", "demo", "archive inspect"}
RECORDED = {
    "migrate",
    "backup",
    "restore",
    "pause",
    "keys rotate",
    "user export",
    "user erase",
}
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC  (.+?)  (.+)")


def done(*words: str) -> str:
    answer = CliRunner().invoke(cli.program, words)
    assert answer.exit_code == 0, (words, answer.output, answer.exception)
    return answer.output


def record() -> list[tuple[str, str]]:
    """Return who did what, the oldest first."""
    found = [LINE.fullmatch(line) for line in done("audit").splitlines()]
    return [(line[1], line[2]) for line in reversed(found) if line is not None]


def test_every_command_is_recorded_or_only_looks() -> None:
    groups = {group.name: group.typer_instance for group in cli.program.registered_groups}
    commands = {_name(one) for one in cli.program.registered_commands}
    for name, group in groups.items():
        assert group is not None
        commands |= {f"{name} {_name(one)}" for one in group.registered_commands}
    assert commands == RECORDED | UNRECORDED


def _name(command: typer.models.CommandInfo) -> str:
    assert command.callback is not None
    return command.name or command.callback.__name__.replace("_", "-")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_done_from_a_shell_is_on_record_without_whom_it_was_about(
    shell: House,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    browser = shell.new_browser()
    browser.sign_in("bird", "newcomer")
    who = browser.api("GET", "/me").json()["user_id"]
    monkeypatch.setattr(keys, "rotate", lambda *_, **__: Rotated(values=0, people=0))
    done("migrate")
    done("pause", "sky", "--hours", "2")
    done("keys", "rotate", "--people")
    done("user", "export", who, str(tmp_path / "taken.zip"))
    assert (tmp_path / "taken.zip").stat().st_mode & 0o077 == 0
    done("backup", str(tmp_path / "saved.db"), "--with-key")
    monkeypatch.setenv("SUDO_USER", "anna")
    done("user", "erase", who)
    assert record() == [
        (ME, "migrate"),
        (ME, "pause sky --hours 2"),
        (ME, "keys rotate --people"),
        (ME, "user export"),
        (ME, "backup --with-key"),
        (f"anna as {ME}", "user erase"),
    ]
    said = [one for one in caplog.records if one.message == "operated"]
    assert [getattr(one, "what", "") for one in said][-1] == "user erase"
    for text in (done("audit"), caplog.text):
        assert who not in text
        assert "newcomer" not in text
    monkeypatch.setenv("OPENPORTABILITY_DATABASE_URL", f"sqlite:///{tmp_path / 'back.db'}")
    done("restore", str(tmp_path / "saved.db"))
    assert record()[-1] == (f"anna as {ME}", "restore")


def test_it_is_kept_for_two_years(db: Database, clock: MovedClock) -> None:
    audit.note(db, clock, "migrate")
    clock.forward(days=729)
    audit.note(db, clock, "backup")
    assert len(list(audit.told(db))) == 2
    clock.forward(days=2)
    audit.note(db, clock, "restore")
    assert [line.rpartition("  ")[2] for line in audit.told(db)] == ["restore", "backup"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_only_saves_is_not_stopped_by_a_full_disk_and_what_takes_is(
    db: Database, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_disk(db):
        long = "x" * 100_000
        audit.note(db, clock, long, if_possible=True)
        with pytest.raises(Exception, match="full"):
            audit.note(db, clock, long)
    monkeypatch.setattr(migrate, "newest", lambda: "9999")
    audit.note(db, clock, "backup", if_possible=True)
    assert list(audit.told(db)) == []
