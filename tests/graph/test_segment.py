"""A segment says who holds a key as the lists do, or says that it cannot be read."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openportability.graph import segment_build
from openportability.graph.codec import Keys
from openportability.graph.segment import Head, Segment
from openportability.vault import Keyring, Unreadable, Vault

VAULT = Vault(Keyring.fresh())
Lists = list[tuple[int, Keys]]


def made(folder: Path, lists: Lists) -> Path:
    path = folder / "segment"
    links = sum(keys.size for _, keys in lists)
    head = Head(mark=7, lists=8, links=links)
    with path.open("wb") as file:
        segment_build.write(file, VAULT, head, lists, aside=folder)
    return path


def opened(path: Path) -> Segment:
    return Segment(path.open("rb"), VAULT)


def some_lists(chance: Random) -> Lists:
    numbers = [chance.getrandbits(64) >> chance.choice((0, 56)) for _ in range(60)]
    return [
        (
            chance.randint(1, 9),
            np.unique(np.array(chance.sample(numbers, chance.randint(0, 20)), np.uint64)),
        )
        for _ in range(chance.randint(0, 30))
    ]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_it_says_who_holds_a_key_however_it_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = Random(seed)
    monkeypatch.setattr(segment_build, "_SORTED_LINKS", chance.choice((1, 50, 10**6)))
    monkeypatch.setattr(segment_build, "_PART_LINKS", chance.choice((10, 10**6)))
    monkeypatch.setattr(segment_build, "_PAGE_LINKS", chance.choice((1, 20, 10**6)))
    lists = some_lists(chance)
    segment = opened(made(tmp_path, lists))
    expected = defaultdict(set)
    for user, keys in lists:
        for key in keys.tolist():
            expected[key].add(user)
    asked = np.unique(np.array([*expected, 5, 2**64 - 1], np.uint64))
    at, owners = segment.holders(asked)
    found = defaultdict(set)
    for position, owner in zip(at.tolist(), owners.tolist(), strict=True):
        found[int(asked[position])].add(owner)
    assert found == expected
    assert segment.head.links == sum(keys.size for _, keys in lists)


def test_a_damaged_byte_never_changes_an_answer(tmp_path: Path) -> None:
    chance = Random(1)
    lists = [*some_lists(chance), (3, np.arange(1, 2000, dtype=np.uint64))]
    path = made(tmp_path, lists)
    sound = path.read_bytes()
    asked = np.unique(np.concatenate([keys for _, keys in lists]))
    right = [column.tolist() for column in opened(path).holders(asked)]
    refused = 0
    for place in chance.sample(range(len(sound)), 200):
        spoilt = bytearray(sound)
        spoilt[place] ^= 1 << chance.randrange(8)
        path.write_bytes(spoilt)
        try:
            assert [column.tolist() for column in opened(path).holders(asked)] == right
        except Unreadable:
            refused += 1
    assert refused == 200


def test_what_is_cut_short_or_another_site_s_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, [(1, np.arange(1, 50, dtype=np.uint64))])
    with pytest.raises(Unreadable):
        Segment(path.open("rb"), Vault(Keyring.fresh()))
    sound = path.read_bytes()
    for kept in (0, 5, 40, len(sound) - 1):
        path.write_bytes(sound[:kept])
        with pytest.raises(Unreadable):
            opened(path)


def test_nothing_of_a_list_can_be_read_in_the_file(tmp_path: Path) -> None:
    keys = np.unique(np.random.default_rng(1).integers(2**40, 2**63, 500, np.uint64))
    written = made(tmp_path, [(1, keys)]).read_bytes()
    hashes = keys * np.uint64(0x9E3779B97F4A7C15)
    for number in [*keys.tolist(), *hashes.tolist()]:
        assert number.to_bytes(8, "little") not in written
        assert number.to_bytes(8, "big") not in written
    assert [path.name for path in tmp_path.iterdir()] == ["segment"]


def test_a_user_with_too_large_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="users up to"):
        made(tmp_path, [(2**32, np.arange(1, 5, dtype=np.uint64))])
