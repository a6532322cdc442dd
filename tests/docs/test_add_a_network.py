"""docs/howto/add-a-network.md is true: its blocks make a network that keeps the contract."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import ModuleType

import pytest

import openportability.networks
import tests.networks
from openportability.settings import Settings
from tests.networks.subject import Subject, Variant, contract_of, folders
from tests.networks.suite import PROMISES, Promise

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "add-a-network.md"
BLOCK = re.compile(
    r"^```(?:python|svg)\n(?:# (\S+)|<!-- (\S+) -->)\n(.*?)^```$", re.DOTALL | re.MULTILINE
)
FOLDERS = {
    PurePosixPath("src/openportability/networks/example"),
    PurePosixPath("tests/networks/example"),
}


def _files() -> dict[PurePosixPath, str]:
    """Return the files that the page tells one to write."""
    return {
        PurePosixPath(code or drawing): text
        for code, drawing, text in BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    }


@contextmanager
def _also_in(package: ModuleType, folder: Path) -> Iterator[None]:
    """Let a package have one more folder for a while."""
    before = package.__path__
    package.__path__ = [*before, str(folder)]
    try:
        yield
    finally:
        package.__path__ = before
        for name in [
            name for name in sys.modules if name.startswith(f"{package.__name__}.example")
        ]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def example(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Variant, Subject]]:
    """The network of the page, loaded by its name."""
    root = tmp_path_factory.mktemp("example")
    for path, text in _files().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    with (
        _also_in(openportability.networks, root / "src/openportability/networks"),
        _also_in(tests.networks, root / "tests/networks"),
    ):
        assert "example" in folders()
        contract = contract_of("example")
        (variant,) = contract.VARIANTS
        with contract.subject(variant, request.getfixturevalue) as subject:
            yield variant, subject


def test_the_page_writes_into_two_folders_and_touches_nothing_else() -> None:
    files = _files()
    assert {path.parent for path in files} == FOLDERS
    assert not [path for path in files if (PAGE.parents[2] / path).exists()]


def test_every_block_of_code_on_the_page_is_a_file() -> None:
    assert PAGE.read_text(encoding="utf-8").count("\n```") == 2 * len(_files())


def test_the_setting_of_the_page_is_understood() -> None:
    (line,) = re.findall(r"OPENPORTABILITY_NETWORKS=(\S+)", PAGE.read_text(encoding="utf-8"))
    settings = Settings.read({"OPENPORTABILITY_NETWORKS": line})
    assert ("example", "example") in settings.networks


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_the_network_of_the_page_keeps_its_promise(
    promise: Promise, example: tuple[Variant, Subject]
) -> None:
    variant, subject = example
    if promise.applies_to(variant):
        promise.check(subject)
    else:
        assert all(variant.cannot[need] for need in promise.needs & variant.cannot.keys())
