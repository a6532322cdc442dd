"""What people type is read as a handle, a DID or a server, or refused."""

from __future__ import annotations

from ast import literal_eval
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openportability.errors import Invalid
from openportability.networks.bluesky.syntax import (
    Hosted,
    Identified,
    Named,
    is_did,
    is_record_key,
    origin_of,
    read_handle,
    read_typed,
)

HERE = Path(__file__).parent
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
ENDINGS = st.sampled_from(["com", "social", "co", "xn--p1ai", "a1"])
HANDLES = st.builds(
    lambda labels, end: ".".join([*labels, end]), st.lists(LABELS, min_size=1, max_size=4), ENDINGS
)


def lines(name: str) -> list[str]:
    text = (HERE / name).read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def meaning(read: Named | Identified | Hosted) -> str:
    match read:
        case Named(handle=handle):
            return handle
        case Identified(did=did):
            return did
        case Hosted(origin=origin):
            return origin


@pytest.mark.parametrize("line", lines("valid.txt"))
def test_what_people_type_is_understood(line: str) -> None:
    typed, _, means = line.partition("\t")
    assert meaning(read_typed(literal_eval(typed))) == means


@pytest.mark.parametrize("line", lines("invalid.txt"))
def test_what_can_be_nobody_is_refused(line: str) -> None:
    with pytest.raises(Invalid):
        read_typed(literal_eval(line))


def test_a_name_without_a_dot_gets_words_of_its_own() -> None:
    with pytest.raises(Invalid) as refused:
        read_typed("@Anna")
    assert refused.value.code == "at.handle_short"


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("anna.test", "anna.test"),
        ("localhost:2583", "http://localhost:2583"),
        ("http://localhost:2583/", "http://localhost:2583"),
        ("did:web:localhost%3A2583", "did:web:localhost%3A2583"),
    ],
)
def test_names_of_this_machine_are_understood_in_development_alone(typed: str, means: str) -> None:
    assert meaning(read_typed(typed, local=True)) == means


@given(HANDLES)
def test_a_handle_is_read_back_as_it_was_written(handle: str) -> None:
    assert read_typed(f"@{handle.upper()}") == Named(handle=handle)
    assert read_typed(f"https://bsky.app/profile/{handle}") == Named(handle=handle)
    assert read_handle(handle) == handle


@given(st.text())
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        found = read_typed(text, local=True)
    except Invalid:
        return
    assert meaning(found)


@given(st.text(max_size=60))
def test_whatever_follows_the_word_did_is_never_another_servers_path(text: str) -> None:
    did = f"did:web:{text}"
    if is_did(did):
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


@given(st.text())
def test_an_origin_stays_what_it_is(url: str) -> None:
    try:
        origin = origin_of(f"https://{url}")
    except Invalid:
        return
    assert origin_of(origin) == origin


@pytest.mark.parametrize("key", ["3jzfcijpj2z2a", "7777777777777", "2222222222222"])
def test_a_record_key_has_thirteen_characters_of_its_alphabet(key: str) -> None:
    assert is_record_key(key)


@pytest.mark.parametrize(
    "key", ["", "3jzfcijpj2z2", "3jzfcijpj2z2aa", "3JZFCIJPJ2Z2A", "kjzfcijpj2z2a", "3jzfcijpj2z21"]
)
def test_other_record_keys_are_none(key: str) -> None:
    assert not is_record_key(key)
