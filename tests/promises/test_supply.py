"""What others wrote is known by name, version, hash and licence; holes that are known stop the check."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts import audit, parts, sbom, vendor
from scripts.audit import Record


def test_the_bill_of_materials_names_all_that_a_server_is_made_of() -> None:
    made = sbom.document()
    components = made["components"]
    assert isinstance(components, list)
    named = {(one["name"], one["version"]) for one in components}
    packages = parts.locked(parts.SERVE)
    assert named == {(one.name, one.version) for one in packages} | {
        tuple(file.package.rsplit("@", 1)) for file in vendor.FILES
    }
    # As many as there are lines that begin one: the reading of the lock loses none.
    lines = parts.SERVE.read_text(encoding="utf-8").splitlines()
    assert len(packages) == sum("==" in line and not line.startswith((" ", "#")) for line in lines)
    assert len({one["bom-ref"] for one in components}) == len(components)
    for one in components:
        assert one.get("hashes") or one.get("components"), one["name"]
        assert one["purl"].startswith(("pkg:pypi/", "pkg:npm/"))
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert json.dumps(made) == json.dumps(sbom.document())


def test_what_we_install_is_pinned_hashed_and_may_be_passed_on() -> None:
    locks = (parts.SERVE, parts.S3, parts.DEVELOP)
    found = [*(hole for lock in locks for hole in audit.unpinned(lock)), *audit.unlicensed()]
    assert found == []


def test_a_bucket_needs_one_library_more_and_changes_no_other() -> None:
    without, with_it = set(parts.locked(parts.SERVE)), set(parts.locked(parts.S3))
    assert without < with_it
    assert {one.name for one in with_it - without} == {"obstore"}


@pytest.mark.parametrize(
    "line",
    [
        "jinja2>=3.1",
        "jinja2==3.1.6",
        "jinja2==3.* \\\n    --hash=sha256:" + "0" * 64,
        "jinja2 @ https://example.org/jinja2.whl \\\n    --hash=sha256:" + "0" * 64,
        "-e .",
    ],
)
def test_what_is_not_one_known_file_is_seen(tmp_path: Path, line: str) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(f"{line}\n    # via us\n")
    assert len(list(audit.unpinned(lock))) == 1


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT AND PSF-2.0", True),
        ("SSPL-1.0 OR Apache-2.0", True),
        ("MIT AND SSPL-1.0", False),
        ("Proprietary", False),
    ],
)
def test_a_licence_is_read(expression: str, *, allowed: bool) -> None:
    assert audit.may_pass_on(expression) is allowed


@contextmanager
def osv(hole: str) -> Iterator[str]:
    """A server that answers as https://google.github.io/osv.dev/post-v1-querybatch/ says."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            found = {"vulns": [{"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z"}]}
            results = [found if one["package"]["name"] == hole else {} for one in asked]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"results": results}).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/querybatch"
        server.shutdown()


def test_a_known_hole_stops_the_check_until_it_is_mended_or_explained() -> None:
    with osv("jinja2") as url:
        record = audit.ask(Record(asked=None, answers={}, accepted={}), url)
    assert len(record.answers) == len(parts.locked(parts.DEVELOP))
    (told,) = audit.open_holes(record)
    assert "GHSA-1" in told
    explained = Record(asked=record.asked, answers=record.answers, accepted={"GHSA-1": "not used"})
    assert list(audit.open_holes(explained)) == []
    assert list(audit.open_holes(audit.read(audit.RECORD))) == []
