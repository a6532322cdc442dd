"""What is sealed opens for its place, its person and its keys alone."""

from __future__ import annotations

import base64
import string
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openportability.vault import BadKeyring, Keyring, PersonalKey, Unreadable, Vault

RING = Keyring.parse(
    "second:NGefckx6_QxALjRAMmgh_NyXjLLPB48r4kOAHANu_7o\n"
    "first:6fq5hI76q5TNXmFt_BAmmhhxCnPSrN3EW1DKla0-uvk\n"
    "identity:Arz4q96MxniloYgspL41jmuIz1agjpcsQ2SgZqKR9tg\n"
)
VAULT = Vault(RING)
NUMBERS = st.integers(min_value=0, max_value=2**64 - 1)


def encoded(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


def spoiled(sealed: bytes) -> list[bytes]:
    """Return copies with each byte changed in turn, and each shorter piece."""
    changed = [
        sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))
    ]
    return changed + [sealed[:at] for at in range(len(sealed))]


# --- the keyring ------------------------------------------------------------------------------


def test_a_fresh_keyring_reads_back_from_lines_and_from_commas() -> None:
    ring = Keyring.fresh()
    assert Keyring.parse(ring.text()) == ring
    assert Keyring.parse(ring.text().replace("\n", ",")) == ring
    assert Keyring.parse(f"\n {ring.text()}\n\n") == ring
    assert Keyring.fresh() != ring


def test_padding_in_a_key_is_accepted() -> None:
    key = encoded(RING.identity)
    assert key.endswith("=")
    assert Keyring.parse(f"first:{encoded(RING.sealing['first'])}\nidentity:{key}").identity


GOOD = encoded(RING.sealing["first"])
IDENTITY_LINE = f"identity:{encoded(RING.identity)}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "needs a line identity"),
        (IDENTITY_LINE, "at least one more"),
        (f"first:{GOOD}", "needs a line identity"),
        (f"a:{GOOD}\n{IDENTITY_LINE}\n{IDENTITY_LINE}", "identity twice"),
        (f"a:{GOOD}\nb:{GOOD}\n{IDENTITY_LINE}", "one key under two ids"),
        (f"{GOOD}\n{IDENTITY_LINE}", "not of the form"),
        (f"Not An Id:{GOOD}", "not of the form"),
        (f":{GOOD}", "not of the form"),
        ("a:not base64!", "not base64url"),
        ("a:é", "not base64url"),
        ("a:A", "not base64url"),
        (f"a:{encoded(bytes(range(100, 131)))}", "31 bytes"),
        (f"a:{GOOD[:-1]}AAAA", "bytes, not 32"),
        (f"a:{encoded(bytes(32))}", "not random"),
        (f"a:{encoded(bytes(range(32)))}", "not random"),
        (f"a:{encoded(bytes(range(64, 0, -2)))}", "not random"),
        (f"a:{encoded(b'0123456789abcdef' * 2)}", "not random"),
        (f"a:{encoded(b'please-change-this-secret-key!!!')}", "not random"),
    ],
)
def test_a_keyring_that_cannot_be_used_is_refused_without_showing_a_key(
    text: str, reason: str
) -> None:
    with pytest.raises(BadKeyring, match=reason) as refused:
        Keyring.parse(text)
    assert GOOD.rstrip("=") not in str(refused.value)


def test_no_repr_shows_a_key() -> None:
    personal = VAULT.personal(VAULT.new_personal_key(1), 1)
    assert repr(RING) == "Keyring()"
    assert repr(VAULT) == "Vault(newest='second')"
    assert repr(personal) == "PersonalKey()"


# --- sealing ----------------------------------------------------------------------------------


@given(st.binary(max_size=200), st.text(max_size=30))
def test_what_is_sealed_opens_in_its_place(plain: bytes, place: str) -> None:
    assert VAULT.open(VAULT.seal(plain, place), place) == plain


def test_what_is_sealed_twice_looks_different_each_time() -> None:
    assert VAULT.seal(b"a", "flows:1:sealed") != VAULT.seal(b"a", "flows:1:sealed")


def test_a_value_moved_to_another_place_does_not_open() -> None:
    with pytest.raises(Unreadable):
        VAULT.open(VAULT.seal(b"a", "flows:1:sealed"), "flows:2:sealed")


def test_a_changed_or_shortened_value_does_not_open() -> None:
    for sealed in spoiled(VAULT.seal(b"abc", "p")):
        with pytest.raises(Unreadable):
            VAULT.open(sealed, "p")


def test_old_keys_open_and_the_newest_seals() -> None:
    before = Vault(RING)
    sealed = before.seal(b"a", "p")
    grown = Vault(RING.grown())
    assert grown.open(sealed, "p") == b"a"
    assert before.is_newest(sealed)
    assert not grown.is_newest(sealed)
    with pytest.raises(Unreadable):
        before.open(grown.seal(b"a", "p"), "p")


def test_a_key_that_was_taken_away_opens_nothing() -> None:
    sealed = VAULT.seal(b"a", "p")
    with pytest.raises(Unreadable):
        Vault(RING.grown().newest_only()).open(sealed, "p")


# --- a person's key ---------------------------------------------------------------------------


def a_person(user: int = 7) -> PersonalKey:
    return VAULT.personal(VAULT.new_personal_key(user), user)


def test_a_wrapped_key_opens_for_its_person_only() -> None:
    wrapped = VAULT.new_personal_key(7)
    sealed = VAULT.personal(wrapped, 7).seal(b"list", "follow_lists:7")
    assert VAULT.personal(wrapped, 7).open(sealed, "follow_lists:7") == b"list"
    with pytest.raises(Unreadable):
        VAULT.personal(wrapped, 8)
    with pytest.raises(Unreadable):
        VAULT.open(wrapped, "user_keys:7:wrapped")


def test_rotation_wraps_keys_again_and_leaves_lists_alone() -> None:
    wrapped = VAULT.new_personal_key(7)
    sealed = VAULT.personal(wrapped, 7).seal(b"list", "p")
    ring = RING.grown()
    again = Vault(ring).rewrap(wrapped, 7)
    assert Vault(ring).is_newest(again)
    assert Vault(ring.newest_only()).personal(again, 7).open(sealed, "p") == b"list"
    with pytest.raises(Unreadable):
        Vault(ring).rewrap(wrapped, 8)


def test_what_one_person_sealed_does_not_open_for_another_or_elsewhere() -> None:
    mine, yours = a_person(), a_person()
    sealed = mine.seal(b"list", "p")
    for key, place in ((yours, "p"), (mine, "q")):
        with pytest.raises(Unreadable):
            key.open(sealed, place)
    for bad in spoiled(sealed):
        with pytest.raises(Unreadable):
            mine.open(bad, "p")


@given(st.lists(NUMBERS, max_size=20))
def test_blocks_read_back_and_are_the_same_each_time(numbers: list[int]) -> None:
    key = a_person()
    blocks = key.block_all("account", numbers)
    assert blocks == [key.block("account", number) for number in numbers]
    assert {len(block) for block in blocks} <= {16}
    assert key.unblock_all("account", iter(blocks)) == numbers
    assert [key.unblock("account", block) for block in blocks] == numbers


def test_a_block_is_unreadable_as_another_kind_for_another_person_or_changed() -> None:
    key = a_person()
    block = key.block("account", 5)
    for reader, kind, bad in (
        *[(key, "actor", block), (a_person(), "account", block)],
        *[(key, "account", bad) for bad in spoiled(block)],
    ):
        with pytest.raises(Unreadable):
            reader.unblock(kind, bad)


def test_one_bad_block_makes_all_unreadable() -> None:
    key = a_person()
    blocks = key.block_all("account", range(3))
    for bad in (b"a" * 16, b"a" * 15, b""):
        with pytest.raises(Unreadable):
            key.unblock_all("account", [*blocks, bad])
    # Together they are as long as whole blocks, but none of them is one.
    with pytest.raises(Unreadable):
        key.unblock_all("account", [blocks[0][:8], blocks[0][8:]])


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_beyond_64_bits_has_no_block(number: int) -> None:
    with pytest.raises(OverflowError):
        a_person().block("account", number)


# --- what stays the same for good -------------------------------------------------------------


def test_keys_of_actors_hashes_and_shown_ids_outlive_every_rotation() -> None:
    rotated = Vault(RING.grown().grown().newest_only())
    assert rotated.actor_key("net", "did:plc:a") == VAULT.actor_key("net", "did:plc:a")
    assert rotated.token_hash("token") == VAULT.token_hash("token")
    assert rotated.read_id("match", VAULT.show_id("match", 5)) == 5


def test_these_values_never_change_between_versions() -> None:
    assert VAULT.actor_key("net", "did:plc:a") == 2054532662961021701
    assert VAULT.token_hash("token").hex() == (
        "ea85052357b8b9f41a026d1ee33c63bbcbae59a58aa086c6ce90aaa8aad083d7"
    )
    assert VAULT.show_id("match", 5) == "nn32q6uyo5axnf6lyscv4yzj6e"


def test_keys_of_actors_are_64_bits_and_differ_by_network_id_and_instance() -> None:
    other = Vault(Keyring.fresh())
    keys = {
        VAULT.actor_key("net", "a"),
        VAULT.actor_key("net", "b"),
        VAULT.actor_key("ten", "a"),
        VAULT.actor_key("neta", ""),
        other.actor_key("net", "a"),
    }
    assert len(keys) == 5
    assert all(0 <= key < 2**64 for key in keys)


def test_hashes_of_tokens_differ_by_token_and_instance() -> None:
    assert len(VAULT.token_hash("a")) == 32
    others = (VAULT.token_hash("b"), Vault(Keyring.fresh()).token_hash("a"))
    assert VAULT.token_hash("a") not in others


@given(NUMBERS)
def test_a_shown_id_reads_back(number: int) -> None:
    shown = VAULT.show_id("match", number)
    assert len(shown) == 26
    assert set(shown) <= set(string.ascii_lowercase + "234567")
    assert VAULT.read_id("match", shown) == number


def test_a_shown_id_has_one_spelling_and_one_kind() -> None:
    shown = VAULT.show_id("match", 5)
    changed = [
        shown[:at] + ("b" if shown[at] == "a" else "a") + shown[at + 1 :] for at in range(26)
    ]
    for text in (*changed, shown.upper(), shown[:-1], shown + "a", f" {shown}", "", "é" * 26, "1"):
        with pytest.raises(Unreadable):
            VAULT.read_id("match", text)
    with pytest.raises(Unreadable):
        VAULT.read_id("plan", shown)


# --- threads ----------------------------------------------------------------------------------


def test_threads_share_a_vault_and_a_person() -> None:
    person = a_person()

    def all_of_it(n: int) -> bool:
        plain = str(n).encode() * 50
        return (
            VAULT.open(VAULT.seal(plain, "p"), "p") == plain
            and person.open(person.seal(plain, "p"), "p") == plain
            and person.unblock_all("k", person.block_all("k", range(n))) == list(range(n))
            and VAULT.read_id("k", VAULT.show_id("k", n)) == n
        )

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(all_of_it, range(300)))
