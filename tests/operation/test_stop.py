"""A process that is told to stop ends what it has begun, its streams too."""

from __future__ import annotations

import logging
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from openportability.cli import Events
from tests.browsing import Browser
from tests.operation.installed import Installed

ROLES = {"BIRD_ROLE": "source", "HERD_ROLE": "instances", "SKY_ROLE": "repository"}


@pytest.mark.slow
def test_streams_end_whole_when_a_process_that_is_well_is_told_to_stop(
    installed: Installed,
) -> None:
    settings = {"NETWORKS": "bird:fake,herd:fake,sky:fake", "DATA_DIR": "stopping", **ROLES}
    with installed.serving(**settings, ALLOW_LOOPBACK="yes") as (url, process):
        assert f"Serving {url} from" in (installed.scratch / "serve.log").read_text()
        browser = Browser(url)
        browser.sign_in("sky", "newcomer.sky.example")
        stream = HTTPConnection(urlsplit(url).netloc, timeout=30)
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        stream.request("GET", "/api/v1/reconnection/events", headers={"Cookie": cookies})
        answer = stream.getresponse()
        assert answer.status == 200
        assert answer.readline().startswith(b"data:")
        looked = installed.run("doctor", BASE_URL=url, **settings, ALLOW_LOOPBACK="yes")
        assert (looked.returncode, looked.stdout.count("FAULT")) == (0, 0), looked.stdout
        process.terminate()
        answer.read()  # a stream that is cut has no end, and that would raise
        assert process.wait(30) == 0
    looked = installed.run("doctor", BASE_URL=url, **settings, ALLOW_LOOPBACK="yes")
    assert looked.returncode == 1
    assert "FAULT  public address" in looked.stdout


def test_a_line_of_the_log_is_one_line_of_names_and_values() -> None:
    record = logging.makeLogRecord({"name": "n", "levelname": "INFO", "msg": "job_failed"})
    record.job, record.trace = "serve-lane", 'File "a.py"\n  raise'
    line = Events("%(levelname)s %(message)s").format(record)
    assert line == 'INFO job_failed job=serve-lane trace="File \\"a.py\\"\\n  raise"'


@pytest.mark.slow
def test_what_one_request_does_has_one_number(installed: Installed) -> None:
    with installed.serving(DATA_DIR="numbered") as (url, _process):
        answer = Browser(url).get("/en/about?who=somebody")
    number = answer.headers["X-Request-ID"]
    log = (installed.scratch / "serve.log").read_text()
    (line,) = [line for line in log.splitlines() if number in line]
    assert "request route=/about status=200 ms=" in line
    assert "somebody" not in log
