"""A copy of the database without the master key gives back no link and no token: every byte is searched."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import METADATA
from openportability.domain import ActorId, Grant
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD, Trusting

#: Ids of people who are not here, so that nothing but a list could name them; some small and old.
STRANGERS = [1_700_000_000_000_000_000 + 7_919_113_337 * step for step in range(40)] + [
    3_141_592_653 + 31_337 * step for step in range(10)
]
ALICE, BOB = 1_357_924_680_246_813_579, 1_618_033_988_749_894
TOKEN = "tok-5f1d7c0e9b3a4482-never-to-be-found"


@pytest.fixture
def site(db: Database, clock: MovedClock) -> Site:
    return cast.make_site(db, clock)


def test_a_copy_of_the_database_holds_no_link_and_no_token(site: Site) -> None:
    _allow(site)
    alice, bob = cast.join(site, OLD, ALICE).user, cast.join(site, OLD, BOB).user
    cast.join(site, NEW, 4242, user=bob)
    people = [*STRANGERS, BOB]
    cast.bring(site, alice, OLD, following=people, followers=people, blocked=STRANGERS[:20])
    site.engine.turn()
    assert set(cast.seen_by(site, alice)) == {bob}
    copy = list(_copy(site.db))
    # Who is here may be read: so the search does find what is there.
    assert any(form in piece for form in _forms(ALICE) for piece in copy)
    for number in STRANGERS:
        assert not [form for form in _forms(number) if any(form in piece for piece in copy)]
    for form in _texts(TOKEN):
        assert not any(form in piece for piece in copy)


def _allow(site: Site) -> None:
    """Let the network give a token when Alice signs in."""
    sign_in = site.networks[OLD].sign_in
    assert isinstance(sign_in, Trusting)
    alice = ActorId(str(ALICE))
    sign_in.grants[alice] = Grant(
        network=OLD,
        instance="old.test",
        actor_id=alice,
        scopes=frozenset({"follow"}),
        can_follow=True,
        secret={"token": TOKEN},
    )


def _copy(db: Database) -> Iterator[bytes]:
    """Yield all that a thief would hold: the files, or all values of all tables."""
    if db.dialect.name == "sqlite":
        path = Path(db.url.database or "")
        yield from (file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))
        return
    with db.read() as tx:
        for table in METADATA.sorted_tables:
            for row in tx.execute(select(table)):
                yield from (_bytes(value) for value in row)


def _bytes(value: object) -> bytes:
    match value:
        case bytes():
            return value
        case int() if not isinstance(value, bool):
            return value.to_bytes(8, "big", signed=True)
        case _:
            return str(value).encode()


def _forms(number: int) -> set[bytes]:
    """Return a number in all forms in which anything here could write it."""
    shifted = (number - 2**63) % 2**64
    forms = _texts(str(number)) | _texts(f"{number:x}") | _texts(f"{shifted - 2**63}")
    for one in (number, shifted):
        for order in ("big", "little"):
            raw = one.to_bytes(8, "big" if order == "big" else "little")
            forms |= {raw, raw.hex().encode(), *_base64(raw)}
    # Small numbers are written shorter than eight bytes by some formats.
    short = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return forms | ({short, short[::-1]} if len(short) > 4 else set()) | {_varint(number)}


def _texts(text: str) -> set[bytes]:
    raw = text.encode()
    return {raw, raw[::-1], text.encode("utf-16-le"), raw.hex().encode(), *_base64(raw)}


def _base64(raw: bytes) -> set[bytes]:
    """Return the part that is the same wherever in a text the bytes begin."""
    forms = set()
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + raw)[4 * (shift > 0) :]
        inner = coded[: len(coded) // 4 * 4 - 4]
        if len(inner) >= 6:
            forms |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


def _varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
