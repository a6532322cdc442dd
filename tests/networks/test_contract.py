"""Run the contract suite on every folder of `networks/`."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.networks.subject import Can, Subject, Variant, code_of, contract_of, folders
from tests.networks.suite import PROMISES, Promise

Case = tuple[str, Variant]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "promise" in metafunc.fixturenames:
        cases = [
            (folder, variant, promise)
            for folder, variant in _variants()
            for promise in PROMISES
            if promise.applies_to(variant)
        ]
        names = [f"{folder}-{variant.name}-{promise.name}" for folder, variant, promise in cases]
        metafunc.parametrize(("folder", "variant", "promise"), cases, ids=names)


def _has_contract(folder: str) -> bool:
    """Say so without importing it: one folder's mistake must not hide what the others keep."""
    return importlib.util.find_spec(f"tests.networks.{folder}") is not None and (
        importlib.util.find_spec(f"tests.networks.{folder}.contract") is not None
    )


UNDER_CONTRACT = [folder for folder in folders() if _has_contract(folder)]


def _variants() -> list[Case]:
    return [
        (folder, variant) for folder in UNDER_CONTRACT for variant in contract_of(folder).VARIANTS
    ]


@pytest.fixture(scope="session")
def subject_of(request: pytest.FixtureRequest) -> Iterator[Callable[[str, Variant], Subject]]:
    """Start each subject at its first use, and all of them only once."""
    started: dict[tuple[str, str], Subject] = {}
    with ExitStack() as stack:

        def start(folder: str, variant: Variant) -> Subject:
            key = (folder, variant.name)
            if key not in started:
                subject = contract_of(folder).subject(variant, request.getfixturevalue)
                started[key] = stack.enter_context(subject)
            return started[key]

        yield start


def test_the_network_keeps_its_promise(
    folder: str,
    variant: Variant,
    promise: Promise,
    subject_of: Callable[[str, Variant], Subject],
) -> None:
    promise.check(subject_of(folder, variant))


@pytest.mark.parametrize("folder", folders())
def test_a_network_is_under_contract(folder: str) -> None:
    assert _has_contract(folder), f"write tests/networks/{folder}/contract.py"


@pytest.mark.parametrize("folder", UNDER_CONTRACT)
def test_what_a_network_cannot_is_said_with_a_reason(folder: str) -> None:
    variants = contract_of(folder).VARIANTS
    assert variants
    assert len({variant.name for variant in variants}) == len(variants)
    for variant in variants:
        for can, reason in variant.cannot.items():
            assert isinstance(can, Can)
            assert len(reason.split()) > 2, f"{folder}: say why it cannot: {can}"


@pytest.mark.parametrize("folder", UNDER_CONTRACT)
def test_a_network_that_follows_is_held_to_it(
    folder: str, subject_of: Callable[[str, Variant], Subject]
) -> None:
    for variant in contract_of(folder).VARIANTS:
        network = subject_of(folder, variant).network
        assert (network.destination is None) == (Can.FOLLOW in variant.cannot)
        has_lists = network.source is not None and network.source.lists is not None
        assert has_lists == (Can.LISTS not in variant.cannot)
        has_archive = network.source is not None and network.source.archive is not None
        assert has_archive == (Can.ARCHIVE not in variant.cannot)


@pytest.mark.parametrize("folder", folders())
def test_the_settings_of_a_network_are_explained(folder: str) -> None:
    for option in code_of(folder).OPTIONS:
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", option.name)
        assert len(option.help.split()) > 3
