"""The small lints of scripts/ see what they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import budgets, links, reasons, strangers, sync_only
from scripts.tree import files


def test_a_function_is_measured_from_its_def_to_its_last_line(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text("@decorated\ndef short(\n    a: int,\n) -> int:\n    return a\n")
    assert list(budgets.functions(code)) == [("short", 4)]


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # noqa: E741",
        "x = 1  # type: ignore[assignment]",
        "x = 1  # noqa",
        "# " + "TODO: later",
    ],
)
def test_a_rule_switched_off_without_a_reason_is_seen(tmp_path: Path, line: str) -> None:
    code = tmp_path / "code.py"
    code.write_text(line + "\n")
    assert list(reasons.complaints(code))


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # noqa: E741 - the letter of the formula",
        "x = 1  # type: ignore[assignment]  # the stubs are wrong",
        "words = '# noqa'",
    ],
)
def test_a_reason_is_enough(tmp_path: Path, line: str) -> None:
    code = tmp_path / "code.py"
    code.write_text(line + "\n")
    assert list(reasons.complaints(code)) == []


@pytest.mark.parametrize(
    "line",
    [
        "/ho" + "me/someone/.config",
        '"resol' + 'ved": "https://example.org/left-pad.tgz"',
        "--index-" + "url https://example.org/simple",
    ],
)
def test_a_path_or_a_registry_is_seen(tmp_path: Path, line: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"first\n{line}\n")
    (said,) = strangers.complaints(page)
    assert ":2:" in said


@pytest.mark.parametrize(
    "line",
    [
        "-----BEGIN EC PRIVATE " + "KEY-----",
        "identity:" + "kQ" * 21 + "w",
        "k0a1b2c3d:" + "kQ" * 21 + "w",
        "token = ghp_" + "a1B2" * 9,
        "key: AKIA" + "IOSFODNN7EXAMPLE",
        "eyJhbGciOiJFUzI1NiJ9" + ".eyJzdWIiOiJkaWQ6cGxjOm1lIn0." + "c2ln" * 8,
    ],
)
def test_a_secret_is_seen(tmp_path: Path, line: str) -> None:
    page = tmp_path / "page.env"
    page.write_text(f"first\n{line}\n")
    (said,) = strangers.complaints(page)
    assert said.endswith(":2: looks like a secret")


def test_the_repository_holds_no_secret() -> None:
    seen = list(files())
    assert len(seen) > 500
    assert [line for path in seen for line in strangers.complaints(path)] == []


def test_a_link_to_nowhere_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A title\n\n[one](other.md) [two](#a-title) [three](#none) [four](https://example.org)\n"
    )
    assert [line.split(": ", 1)[1] for line in links.complaints(page)] == [
        "other.md is not there",
        "#none has no such heading",
    ]


def test_waiting_is_seen_where_it_may_not_be(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text("async def read() -> None: ...\n")
    assert list(sync_only.complaints(code))
