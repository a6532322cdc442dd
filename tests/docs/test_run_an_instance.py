"""docs/howto/run-an-instance.md is true: its blocks without a prompt make an instance and move it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from openportability.db.engine import Database
from openportability.db.migrate import current, newest
from tests.operation.installed import ROOT, Installed
from tests.postgresql import Cluster

PAGE = ROOT / "docs" / "howto" / "run-an-instance.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: The address of PostgreSQL in the page.
POSTGRESQL = "postgresql://openportability@/openportability"


@pytest.mark.slow
def test_the_page_makes_an_instance(
    installed: Installed, tmp_path: Path, postgresql: Cluster
) -> None:
    postgresql.execute("CREATE DATABASE howto")
    script = "set -eu\n" + "\n".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    script = script.replace(POSTGRESQL, f"'{postgresql.url('howto')}'")
    for folder in ("/etc", "/var/lib", "/var/backups"):
        (tmp_path / folder[1:]).mkdir(parents=True, exist_ok=True)
        script = script.replace(f"{folder}/openportability", f"{tmp_path}{folder}/openportability")
    script = script.replace("/opt/openportability", str(installed.folder))
    environ = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-c", script], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "var/backups/openportability/monday.db").exists()
    assert (tmp_path / "etc/openportability/master.key").stat().st_mode & 0o077 == 0
    there = Database(postgresql.url("howto"))
    assert current(there) == newest()
    there.close()
    postgresql.execute("DROP DATABASE howto WITH (FORCE)")


def test_the_files_of_deploy_are_those_the_page_names() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for role in ("web", "worker"):
        unit = (ROOT / f"deploy/systemd/openportability-{role}.service").read_text()
        assert f"openportability-{role}" in page
        for path in ("/etc/openportability/environment", "/opt/openportability/bin"):
            assert path in unit
            assert path in page
