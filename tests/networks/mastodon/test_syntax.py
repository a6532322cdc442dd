from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openportability.errors import Invalid
from openportability.networks.mastodon import syntax

FOLDER = Path(__file__).parent
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True).filter(
    lambda label: not label.startswith("xn--")
)
HOSTS = st.tuples(st.lists(LABELS, min_size=1, max_size=3), st.sampled_from(("example", "social")))
USERS = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,20}[A-Za-z0-9_])?", fullmatch=True)


def _lines(name: str) -> list[tuple[str, str]]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.rpartition(" -> ") for line in lines if not line.startswith("#")]
    return [(typed, meant) for typed, _, meant in pairs]


@pytest.mark.parametrize(("typed", "meant"), _lines("valid.txt"))
def test_every_usual_spelling_is_read(typed: str, meant: str) -> None:
    spelled = syntax.parse(typed)
    read = syntax.spell(spelled.user, spelled.host) if spelled.user else spelled.host
    assert read == meant


@pytest.mark.parametrize(("typed", "code"), _lines("invalid.txt"))
def test_what_cannot_be_an_address_is_told_apart(typed: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        syntax.parse(typed)
    assert refused.value.code == code


@given(user=USERS, host=HOSTS)
def test_what_we_write_we_read_again(user: str, host: tuple[list[str], str]) -> None:
    name = ".".join((*host[0], host[1]))
    again = syntax.parse(syntax.spell(user, name))
    assert (again.user, again.host) == (user, name)


@given(st.text(max_size=60))
def test_anything_typed_is_read_or_refused_with_a_code_of_ours(typed: str) -> None:
    try:
        spelled = syntax.parse(typed)
    except Invalid as refused:
        code = refused.code
    else:
        code = "masto.read"
        assert syntax.host_of(spelled.host) == spelled.host
    assert code.startswith("masto.")


@pytest.mark.parametrize("typed", ["localhost:8011", "alice@localhost:8011", "127.0.0.1:8011"])
def test_a_server_on_this_machine_is_for_development_only(typed: str) -> None:
    assert syntax.parse(typed, development=True).host.endswith(":8011")
    with pytest.raises(Invalid):
        syntax.parse(typed)
