"""The version after this one, made up: this program with revisions of its own beside ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.operation.kept import ROOT

#: Adds what this program does not know to a table that PostgreSQL splits and to one that it does not, and fills it.
ADDS = """
import sqlalchemy as sa
from alembic import op

revision = "made_up_1"
down_revision = "{newest}"

def upgrade():
    for table, user in (("users", "id"), ("reconnections", "user_id")):
        op.add_column(table, sa.Column("word", sa.String, nullable=False, server_default="later"))
        op.execute("UPDATE " + table + " SET word = 'of ' || " + user)
    op.create_table("made_up", sa.Column("id", sa.Integer, primary_key=True))
"""
#: Changes much, and then what the tables refuse.
FAILS = """
import sqlalchemy as sa
from alembic import op

revision = "made_up_2"
down_revision = "made_up_1"

def upgrade():
    op.add_column("accounts", sa.Column("word", sa.String))
    op.execute("DELETE FROM reconnections")
    op.execute("UPDATE users SET pace = 'lost'")
    op.execute("UPDATE users SET locale = NULL")
"""


@dataclass(frozen=True, kw_only=True)
class Newer:
    """A program that knows more revisions than this one."""

    folder: Path

    def run(self, *words: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command of it to its end."""
        return subprocess.run(
            [sys.executable, "-m", "openportability", *words],
            env={**environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )


def program(folder: Path, newest: str, *revisions: str) -> Newer:
    """Make one that has these revisions after the newest of ours."""
    there = folder / "openportability"
    shutil.copytree(ROOT / "src" / "openportability", there, copy_function=os.symlink)
    for number, revision in enumerate(revisions):
        file = there / "db" / "migrations" / "versions" / f"made_up_{number}.py"
        file.write_text(revision.format(newest=newest), encoding="utf-8")
    return Newer(folder=folder)
