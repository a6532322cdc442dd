"""The reader in the browser and ours give the same bytes for the same files."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from tests.archives.case import one
from tests.archives.cases import CASES
from tests.archives.corpus import account_file, row, script, streamed, without_directory, zipped
from tests.archives.in_browser import Readers, canonical, in_python, readers
from tests.archives.test_zip import ARCHIVES, IDS, JSON


@pytest.fixture(scope="module")
def both(chromium: Browser) -> Iterator[Readers]:
    """The browser's reader, in one page for all cases."""
    with readers(chromium) as opened:
        yield opened


@pytest.mark.parametrize("name", CASES)
def test_both_readers_give_the_same(both: Readers, name: str) -> None:
    case = CASES[name]
    assert canonical(both.in_browser(case)) == canonical(in_python(case))


#: A page for all examples: the fixture is of the module, but Hypothesis cannot see that.
MANY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@given(
    parts=st.lists(st.lists(IDS, max_size=20), min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
    make=st.sampled_from([zipped, streamed, lambda files: without_directory(streamed(files))]),
)
@MANY
def test_however_a_list_is_cut_and_shuffled_both_read_it(
    both: Readers, parts: list[list[int]], order: random.Random, make: object
) -> None:
    files = {
        f"data/following{f'-part{number}' if number else ''}.js": script(
            "following", [row("following", each) for each in part]
        )
        for number, part in enumerate(parts)
    }
    files["data/account.js"] = account_file()
    shuffled = list(files.items())
    order.shuffle(shuffled)
    assert callable(make)
    case = one(make(dict(shuffled)))
    assert canonical(both.in_browser(case)) == canonical(in_python(case))


@given(following=JSON, account=JSON)
@MANY
def test_any_json_in_a_file_is_read_alike(
    both: Readers, following: object, account: object
) -> None:
    files = {
        "data/following.js": script("following", following),
        "data/account.js": script("account", account),
    }
    case = one(zipped(files))
    assert canonical(both.in_browser(case)) == canonical(in_python(case))


@given(
    which=st.integers(0, len(ARCHIVES) - 1),
    at=st.integers(0, 2**16),
    piece=st.binary(min_size=1, max_size=8),
    cut=st.none() | st.integers(0, 2**16),
)
@MANY
def test_a_damaged_archive_is_answered_by_both(
    both: Readers, which: int, at: int, piece: bytes, cut: int | None
) -> None:
    damaged = bytearray(ARCHIVES[which])
    at %= len(damaged)
    damaged[at : at + len(piece)] = piece
    if cut is not None:
        del damaged[cut % len(damaged) :]
    case = one(bytes(damaged))
    here, there = canonical(both.in_browser(case)), canonical(in_python(case))
    # What is damaged in several ways may be refused for any of them; but never read by one alone.
    assert isinstance(here, tuple) == isinstance(there, tuple)
    assert isinstance(here, tuple) or here == there
