from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openportability.errors import Invalid
from openportability.vault import Keyring, Vault
from openportability.web.paging import cursor, position

VAULT = Vault(Keyring.fresh())


@given(st.lists(st.one_of(st.integers(), st.text(max_size=20)), min_size=1, max_size=4))
def test_a_list_goes_on_where_it_stopped(values: list[int | str]) -> None:
    assert position(VAULT, "matches:7", cursor(VAULT, "matches:7", *values)) == tuple(values)


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_cursor_is_the_beginning(nothing: str | None) -> None:
    assert position(VAULT, "matches:7", nothing) is None


def test_a_cursor_is_worth_nothing_in_another_list() -> None:
    made = cursor(VAULT, "matches:7", 12)
    with pytest.raises(Invalid):
        position(VAULT, "matches:8", made)


@given(st.text(min_size=1, max_size=60))
def test_an_invented_cursor_is_refused(invented: str) -> None:
    with pytest.raises(Invalid):
        position(VAULT, "matches:7", invented)


def test_a_cursor_says_nothing() -> None:
    assert "ada" not in cursor(VAULT, "matches:7", "ada")
