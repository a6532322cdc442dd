"""The wheel is all there is to install: pages, assets, templates and migrations are inside."""

from __future__ import annotations

import re
import subprocess

import httpx2
import pytest

from tests.operation.installed import ROOT, Installed

pytestmark = pytest.mark.slow


def test_the_wheel_serves_pages_and_assets_with_no_repository_around(installed: Installed) -> None:
    with installed.serving() as (url, _process):
        page = httpx2.get(url, headers={"Sec-Fetch-Mode": "navigate"})
        assert page.status_code == 200
        assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        assert assets, page.text
        for asset in assets:
            got = httpx2.get(url + asset)
            assert (got.status_code, bool(got.content)) == (200, True), asset
        assert httpx2.get(f"{url}/sign-in").status_code == 200
        assert httpx2.get(f"{url}/api/v1/networks").status_code == 200
    assert (installed.scratch / "var" / "openportability.db").exists()


def test_what_runs_is_the_wheel_and_not_the_repository(installed: Installed) -> None:
    where = "import openportability; print(openportability.__file__)"
    python = installed.folder / "bin" / "python"
    told = subprocess.run(
        [python, "-c", where], cwd="/", env={}, capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith(str(installed.folder))
    assert str(ROOT) not in told.stdout


def test_nothing_is_there_but_what_the_wheel_asks_for(installed: Installed) -> None:
    python = installed.folder / "bin" / "python"
    told = subprocess.run(
        [python, "-c", "import pytest"],
        cwd="/",
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No module named 'pytest'" in told.stderr


def test_what_cannot_be_done_is_one_line_that_says_what_to_do(installed: Installed) -> None:
    failed = installed.run("serve", BASE_URL="http://example.org")
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "OPENPORTABILITY_BASE_URL" in failed.stderr


@pytest.mark.parametrize("command", ["serve", "migrate", "audit"])
def test_a_database_that_is_away_is_one_line_too(installed: Installed, command: str) -> None:
    failed = installed.run(command, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1, failed.stderr
    assert "OPENPORTABILITY_DATABASE_URL" in failed.stderr
