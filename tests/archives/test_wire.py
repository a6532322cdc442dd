"""What a browser sends of an archive is taken if it is exactly that, and refused otherwise."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openportability.archives import archive, wire
from openportability.archives.archive import Archive, Notice
from openportability.archives.reader import ReadFile
from openportability.archives.rules import Caps, Owner
from openportability.domain import ActorId, Kind
from openportability.errors import Invalid
from openportability.networks.x.archive import ARCHIVE
from scripts.tree import ROOT
from tests.archives.corpus import archive_files, zipped
from tests.archives.reading import read_zip
from tests.examples import few

PAGE = ROOT / "docs" / "reference" / "archive-wire.md"
FOUND = read_zip(zipped(archive_files(followers=range(10, 5000))))
BODY = wire.encode(FOUND)


def decode(body: bytes, caps: Caps | None = None) -> Archive:
    return wire.decode(ARCHIVE, io.BytesIO(body), caps or Caps())


def code_of(body: bytes, caps: Caps | None = None) -> str:
    with pytest.raises(Invalid) as caught:
        decode(body, caps)
    return caught.value.code


def same(one: Archive, other: Archive) -> bool:
    """Compare what was read; arrays have no truth of their own."""
    lists = [{kind: keys.tolist() for kind, keys in each.lists.items()} for each in (one, other)]
    return lists[0] == lists[1] and replace(one, lists={}) == replace(other, lists={})


def head_of(body: bytes) -> Any:
    return json.loads(body[8 : 8 + int.from_bytes(body[4:8], "little")])


def formed(head: object, blocks: bytes) -> bytes:
    """Return a form whose checksum is right, whatever it holds."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    body = b"OPA\x01" + len(text).to_bytes(4, "little") + text + blocks
    return body + hashlib.sha256(body).digest()


def changed(change: Callable[[Any], object]) -> bytes:
    """Return the form with something else in its head."""
    head = head_of(BODY)
    change(head)
    blocks = BODY[8 + int.from_bytes(BODY[4:8], "little") : -32]
    return formed(head, blocks)


def deflated(plain: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(plain) + deflate.flush()


def with_list(plain: bytes, count: int, block: bytes | None = None) -> bytes:
    """Return a form with one list that has these bytes, shuffled as they are."""
    packed = deflated(plain) if block is None else block
    padded = plain[: count * 8].ljust(count * 8, b"\0")
    steps = np.frombuffer(padded, np.uint8).reshape(8, count).T.copy()
    keys = np.cumsum(steps.view("<u8").reshape(count), dtype=np.uint64)
    digest = hashlib.sha256("".join(f"{key}\n" for key in keys.tolist()).encode()).hexdigest()
    head = {
        **head_of(BODY),
        "lists": [{"kind": "following", "count": count, "bytes": len(packed), "sha256": digest}],
        "read": [{"file": "f", "kind": "following", "count": count, "duplicates": 0, "skipped": 0}],
    }
    return formed(head, packed)


def shuffled(*steps: int) -> bytes:
    return np.array(steps, "<u8").view(np.uint8).reshape(-1, 8).T.tobytes()


def test_what_was_read_comes_back() -> None:
    assert same(decode(BODY), FOUND)


def test_the_example_of_the_reference_page_is_such_a_form() -> None:
    blocks = re.findall(r"```(hex|json)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    shown = dict(blocks)
    body = bytes.fromhex("".join(shown["hex"].split()))
    assert head_of(body) == json.loads(shown["json"])
    read = decode(body)
    assert read == replace(
        read,
        owner=Owner(id=ActorId("77"), handle="ada"),
        generated_at=datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC),
        files=[
            ReadFile(
                file="data/following.js", kind=Kind.FOLLOWING, count=5, duplicates=1, skipped=1
            )
        ],
        warnings=[Notice(code="archive.missing_list", detail={"file": "follower"})],
        ignored=41,
    )
    assert read.lists[Kind.FOLLOWING].tolist() == [12, 783214, 1234567890123456789]


def test_the_reference_page_names_every_notice() -> None:
    page = PAGE.read_text(encoding="utf-8")
    source = Path(archive.__file__).read_text(encoding="utf-8")
    warned = set(re.findall(r'warn\(\s*"(archive\.\w+)"', source))
    assert warned == wire.NOTICES
    assert all(f"`{code}`" in page for code in warned)


def test_it_is_small() -> None:
    ids = np.unique(np.random.default_rng(7).integers(10**17, 2 * 10**18, 100_000, np.uint64))
    files = [ReadFile(file="f", kind=Kind.FOLLOWING, count=int(ids.size), duplicates=0, skipped=0)]
    found = replace(FOUND, lists={Kind.FOLLOWING: ids}, files=files)
    assert len(wire.encode(found)) < 7 * ids.size


@given(
    st.sets(st.integers(1, 2**64 - 1), max_size=50),
    st.sets(st.integers(1, 2**64 - 1), max_size=50),
    st.none() | st.datetimes(timezones=st.just(UTC)),
)
@few(100)
def test_any_lists_come_back(one: set[int], other: set[int], made: datetime | None) -> None:
    lists = {
        kind: np.array(sorted(ids), np.uint64)
        for kind, ids in ((Kind.FOLLOWING, one), (Kind.BLOCKED, other))
    }
    files = [
        ReadFile(file="f", kind=kind, count=int(keys.size) + 2, duplicates=1, skipped=1)
        for kind, keys in lists.items()
    ]
    found = Archive(
        owner=None,
        generated_at=made.replace(microsecond=0) if made else None,
        lists=lists,
        files=files,
        warnings=[],
        ignored=0,
    )
    assert same(decode(wire.encode(found)), found)


@given(st.binary(max_size=200), st.sampled_from([b"", b"OPA\x01", BODY[:8]]), st.booleans())
@few(120)
def test_arbitrary_bytes_are_refused(body: bytes, front: bytes, sealed: bool) -> None:
    whole = front + body
    whole += hashlib.sha256(whole).digest() if sealed else b""
    assert code_of(whole) in {"archive.corrupt_file", "archive.limits"}


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
@few(120)
def test_no_byte_can_be_another(at: int, other: int) -> None:
    damaged = bytearray(BODY)
    damaged[at] ^= other
    assert code_of(bytes(damaged)) in {"archive.corrupt_file", "archive.limits"}


def _somewhere(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place of a tree that can hold something else."""
    for key in tree if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _somewhere(tree[key])


@given(st.data())
@few(120)
def test_whatever_stands_in_the_head_is_answered(data: st.DataObject) -> None:
    head = head_of(BODY)
    tree, key = data.draw(st.sampled_from(list(_somewhere(head))))
    tree[key] = data.draw(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
        | st.sampled_from(["\ud800", [], {}, [1], {"code": 1}, "followers", 2**64])
    )  # fmt: skip
    blocks = BODY[8 + int.from_bytes(BODY[4:8], "little") : -32]
    # Anything but an archive or a reason fails the test.
    with suppress(Invalid):
        decode(formed(head, blocks))


REFUSED = {
    "another version": b"OPA\x02" + BODY[4:],
    "a cut form": BODY[:-1],
    "more behind": BODY + b"\0",
    "no JSON": formed(b"{", b""),
    "no text": formed(b"\xff{}", b""),
    "another encoding": formed(json.dumps(head_of(BODY)).encode("utf-16"), b""),
    "no object": formed([], b""),
    "a deep head": formed(b"[" * 100_000 + b"]" * 100_000, b""),
    "a name too many": changed(lambda head: head.update(more=1)),
    "a name too few": changed(lambda head: head.pop("ignored")),
    "a kind twice": changed(lambda head: head["lists"][1].update(kind="following")),
    "a kind that is none": changed(lambda head: head["lists"][0].update(kind="friends")),
    "another checksum": changed(lambda head: head["lists"][0].update(sha256="0" * 64)),
    "another count": changed(lambda head: head["lists"][0].update(count=2)),
    "a file of no list": changed(lambda head: head["read"][0].update(kind="muted")),
    "rows that nobody read": changed(lambda head: head["read"][0].update(count=9)),
    "more repeated than read": changed(lambda head: head["read"][0].update(duplicates=9)),
    "a truth for a count": changed(lambda head: head.update(ignored=True)),
    "half a count": changed(lambda head: head.update(ignored=1.0)),
    "less than nothing": changed(lambda head: head.update(ignored=-1)),
    "an owner like 007": changed(lambda head: head["owner"].update(id="007")),
    "an owner as a number": changed(lambda head: head["owner"].update(id=77)),
    "a handle with blanks": changed(lambda head: head["owner"].update(handle=" ada")),
    "a handle with controls": changed(lambda head: head["owner"].update(handle="a\0da")),
    "a handle that is no text": changed(lambda head: head["owner"].update(handle="\ud800")),
    "a file that is no text": changed(lambda head: head["read"][0].update(file="\ud800")),
    "an endless path": changed(lambda head: head["read"][0].update(file="a" * 5000)),
    "a time of another form": changed(lambda head: head.update(generated_at="2025-02-03")),
    "a day that is none": changed(lambda head: head.update(generated_at="2025-02-30T00:00:00Z")),
    "a notice of an error": changed(
        lambda head: head.update(warnings=[{"code": "archive.other_owner", "detail": {}}])
    ),
    "a detail that is none": changed(
        lambda head: head.update(warnings=[{"code": "archive.partial", "detail": {"x": 1}}])
    ),
    "the same id twice": with_list(shuffled(5, 0), 2),
    "the id 0": with_list(shuffled(0), 1),
    "ids out of order": with_list(shuffled(2**63, 2**63 + 1), 2),
    "more ids than said": with_list(shuffled(1, 1, 1), 2),
    "fewer ids than said": with_list(shuffled(1, 1), 3),
    "no end of a list": with_list(shuffled(1), 1, deflated(shuffled(1))[:-1]),
    "something behind a list": with_list(shuffled(1), 1, deflated(shuffled(1)) + b"\0"),
    "a list that is not deflated": with_list(shuffled(1), 1, shuffled(1)),
    "a list in zlib's wrapper": with_list(shuffled(1), 1, zlib.compress(shuffled(1))),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_exactly_such_a_form_is_refused(case: str) -> None:
    assert code_of(REFUSED[case]) == "archive.corrupt_file"


def test_a_bomb_is_not_unpacked() -> None:
    assert code_of(with_list(bytes(1 << 26), 2)) == "archive.corrupt_file"


@pytest.mark.parametrize(
    ("cap", "name"), [({"rows": 2}, "rows"), ({"files": 1}, "files"), ({"head_bytes": 50}, "head")]
)
def test_the_caps_of_a_reader_hold_here_too(cap: dict[str, int], name: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode(BODY, replace(Caps(), **cap))
    assert (caught.value.code, caught.value.detail) == ("archive.limits", {"cap": name})


def test_lists_by_special_wish_alone_are_not_an_archive() -> None:
    found = read_zip(zipped(archive_files(blocked=[1])), also=frozenset({Kind.BLOCKED}))
    alone = replace(
        found,
        lists={Kind.BLOCKED: found.lists[Kind.BLOCKED]},
        files=[file for file in found.files if file.kind is Kind.BLOCKED],
    )
    assert code_of(wire.encode(alone)) == "archive.no_lists"


class Watched(io.BytesIO):
    """Knows how much of it was read at once."""

    most = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.most = max(self.most, len(piece))
        return piece


def test_a_body_is_read_a_piece_at_a_time() -> None:
    ids = np.unique(np.random.default_rng(7).integers(1, 2**63, 200_000, np.uint64))
    file = ReadFile(
        file="data/following.js", kind=Kind.FOLLOWING, count=ids.size, duplicates=0, skipped=0
    )
    large = replace(FOUND, lists={Kind.FOLLOWING: ids}, files=[file])
    body = Watched(wire.encode(large))
    assert body.seek(0, io.SEEK_END) > 1 << 20
    assert same(wire.decode(ARCHIVE, body, Caps()), large)
    assert body.most <= 1 << 16
