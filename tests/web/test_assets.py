from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from openportability.web.assets import STATIC, Assets
from openportability.web.environment import TEMPLATES
from scripts import vendor

#: Bytes, compressed (style.md, section 8).
CSS_BUDGET = 12_000
PAGE_BUDGET = 60_000

ALL_TEMPLATES = sorted(path for path in TEMPLATES.parent.parent.rglob("templates/**/*.html"))


def test_a_static_file_never_goes_stale(client: TestClient) -> None:
    address = Assets.load().address("css/tokens.css")
    answer = client.get(address)
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    plain = client.get(address, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == answer.text


def test_another_digest_is_not_found(client: TestClient) -> None:
    assert client.get("/static/0123456789abcdef/css/tokens.css").status_code == 404
    digest = Assets.load().digest
    assert client.get(f"/static/{digest}/%2e%2e/render.py").status_code == 404


def test_the_digest_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}")
    before = Assets.load(tmp_path).digest
    assert Assets.load(tmp_path).digest == before
    (tmp_path / "a.css").write_text("b{}")
    assert Assets.load(tmp_path).digest != before


def test_a_template_cannot_name_a_file_that_is_not_there() -> None:
    with pytest.raises(LookupError):
        Assets.load().address("css/nowhere.css")


def test_what_others_wrote_is_as_published() -> None:
    assert list(vendor.complaints(vendor.VENDOR)) == []


def test_the_styles_of_the_shell_are_light() -> None:
    shell = ("tokens", "base", "layout", "components", "home")
    text = b"".join((STATIC / f"css/{name}.css").read_bytes() for name in shell)
    assert len(gzip.compress(text)) <= CSS_BUDGET


def test_a_page_with_all_it_needs_is_light(client: TestClient) -> None:
    assets = Assets.load()
    shell = [
        file.gzipped or file.plain
        for name, file in assets.files.items()
        if name.startswith(("css/", "js/", "vendor/", "img/icon"))
        and not name.startswith(("js/archive", "js/atlas"))
    ]
    page = gzip.compress(client.get("/about").content)
    assert sum(map(len, shell)) + len(page) <= PAGE_BUDGET


@pytest.mark.parametrize("path", ALL_TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_that_the_policy_forbids(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.name == "letter.html":  # a mail, which no policy of ours reaches
        return
    assert not re.search(r"\sstyle=", text), "inline style"
    assert not re.search(r"\son\w+=", text), "inline handler"
    assert "hx-on" not in text
    assert not re.search(r"hx-(?:vals|headers)=['\"]?js:", text)
    assert not re.search(r"hx-trigger=\"[^\"]*\[", text), "a filter is evaluated as code"
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script or 'type="application/json"' in script
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text), "another site"


def test_the_application_keeps_its_files_in_one_place(app: FastAPI) -> None:
    assert app.state.static("js/main.js").startswith("/static/")
