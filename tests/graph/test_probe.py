"""The probe is quick; this says that it is also right."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from openportability.graph.codec import Keys
from openportability.graph.probe import Probe, held

numbers = st.integers(0, 60) | st.integers(0, 2**64 - 1)
key_sets = st.sets(numbers).map(lambda some: np.array(sorted(some), np.uint64))


@given(key_sets, key_sets)
def test_a_probe_agrees_with_a_search(keys: Keys, asked: Keys) -> None:
    at_asked, at_keys = Probe(keys).among(asked)
    assert asked[at_asked].tolist() == asked[np.isin(asked, keys)].tolist()
    assert keys[at_keys].tolist() == asked[at_asked].tolist()


@given(key_sets, st.lists(numbers).map(lambda some: np.array(some, np.uint64)))
def test_few_keys_in_any_order_are_held_as_a_search_says(keys: Keys, asked: Keys) -> None:
    assert held(keys, asked).tolist() == np.isin(asked, keys).tolist()


def test_a_probe_of_many_keys_finds_exactly_them() -> None:
    drawn = np.random.default_rng(7).integers(0, 2**64 - 1, 40_000, np.uint64)
    keys, others = np.unique(drawn[:20_000]), np.unique(drawn[20_000:])
    asked = np.union1d(keys[::3], others)
    at_asked, _ = Probe(keys).among(asked)
    assert asked[at_asked].tolist() == np.intersect1d(asked, keys).tolist()
