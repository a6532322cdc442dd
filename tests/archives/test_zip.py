"""Our reading of a zip agrees with Python's own, and whatever the bytes are, the reader answers."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openportability.archives import archive
from openportability.archives import zip as zips
from openportability.archives.archive import Archive
from openportability.archives.entries import Batch, Entry
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps
from openportability.domain import Kind
from openportability.errors import Invalid
from openportability.networks.x.archive import ARCHIVE
from openportability.web.words import WORDS
from tests.archives.corpus import (
    account_file,
    archive_files,
    row,
    script,
    streamed,
    without_directory,
    zipped,
)
from tests.examples import few

BOTH = frozenset({Kind.BLOCKED, Kind.MUTED})
IDS = st.integers(1, 2**64 - 1)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
ARCHIVES = [
    make(archive_files(following=range(1, 60), followers=range(40, 90), parts=2))
    for make in (zipped, streamed)
]


def files_of(body: bytes) -> dict[str, bytes]:
    """Read all of a zip by our own reader."""
    file = io.BytesIO(body)

    def all_of(batches: Iterator[Batch]) -> list[Entry]:
        return [entry for batch in batches for entry in batch.entries]

    entries, located, _ = zips.browse(file, Caps(), lambda _: False, all_of, lambda found: found)
    assert len(entries) == len(located)
    return {entry.name: b"".join(zips.read(file, entry, Caps())) for entry in located}


def read(file: BinaryIO) -> Archive:
    upload = Upload(name="archive.zip", file=file)
    return archive.read(ARCHIVE, [upload], also=BOTH, caps=Caps())


def lists_of(body: bytes) -> dict[Kind, list[int]]:
    return {kind: keys.tolist() for kind, keys in read(io.BytesIO(body)).lists.items()}


def answers(body: bytes) -> bool:
    """Read whatever this is; anything but lists or a reason fails the test."""
    code = ""
    try:
        lists_of(body)
    except Invalid as error:
        code = error.code
    assert not code or code in WORDS
    return not code


@given(
    files=st.dictionaries(NAMES, st.binary(max_size=3000), max_size=8),
    packing=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    large=st.booleans(),
    front=st.binary(max_size=50),
)
@few(150)
def test_a_zip_is_read_as_python_reads_it(
    files: Mapping[str, bytes], packing: int, large: bool, front: bytes
) -> None:
    body = zipped(files, method=packing, large=large)
    with zipfile.ZipFile(io.BytesIO(body)) as reference:
        expected = {entry.filename: reference.read(entry) for entry in reference.infolist()}
    assert files_of(body) == expected
    if files and b"PK" not in front:
        assert files_of(front + body) == expected
    if files and not any(b"PK" in each for each in files.values()):
        assert files_of(without_directory(body)) == expected
        assert files_of(without_directory(streamed(files, packing))) == expected


def test_more_files_than_fit_into_16_bits_are_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zip_file:
        for number in range(66_000):
            zip_file.writestr(f"data/tweets_media/{number}.jpg", b"")
        for name, body in archive_files().items():
            zip_file.writestr(name, body)
    assert lists_of(out.getvalue())[Kind.FOLLOWING] == [1, 2, 3]


class Sparse(io.RawIOBase):
    """A zip beyond 4 GiB: `head`, then a hole, then `tail`; nothing of the hole is kept."""

    def __init__(self, head: bytes, hole: int, tail: bytes) -> None:
        self.parts = ((0, head), (len(head) + hole, tail))
        self._length = len(head) + hole + len(tail)
        self._at = 0
        self.given = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = (0, self._at, self._length)[whence] + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._length if size < 0 else min(self._length, self._at + size)
        out = bytearray(max(0, end - self._at))
        for start, part in self.parts:
            low, high = max(self._at, start), min(end, start + len(part))
            if low < high:
                out[low - self._at : high - self._at] = part[low - start : high - start]
        self._at += len(out)
        self.given += len(out)
        return bytes(out)


def twenty_gigabytes(owner: int | str = 77) -> Sparse:
    """A zip with one stored video of 20 GB in front of all else, as Python would have written it."""
    hole = 20 * 10**9
    files = archive_files(owner=owner)
    small = io.BytesIO()
    with zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as zip_file:
        described = zipfile.ZipInfo("data/tweets_media/video.mp4")
        with zip_file.open(described, "w", force_zip64=True) as entry:
            entry.write(b"")
        head = small.tell()
        for name, body in files.items():
            zip_file.writestr(name, body)
        # The directory is written when the file is closed: by then all lies further behind.
        for each in zip_file.infolist():
            each.header_offset += hole if each is not described else 0
        described.file_size = described.compress_size = hole
    whole = bytearray(small.getvalue())
    sizes = whole.index(b"\x01\x00\x10\x00", 0, head) + 4
    whole[sizes : sizes + 16] = hole.to_bytes(8, "little") * 2
    end = whole.rindex(b"PK\x05\x06")
    size = int.from_bytes(whole[end + 12 : end + 16], "little")
    at = int.from_bytes(whole[end + 16 : end + 20], "little") + hole
    count = len(files) + 1
    record = b"PK\x06\x06" + (44).to_bytes(8, "little") + b"\x2d\0\x2d\0" + bytes(8)
    record += b"".join(each.to_bytes(8, "little") for each in (count, count, size, at))
    locator = b"PK\x06\x07" + bytes(4) + (at + size).to_bytes(8, "little") + b"\1\0\0\0"
    last = b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2)
    return Sparse(bytes(whole[:head]), hole, bytes(whole[head:end]) + record + locator + last)


def test_a_zip_of_twenty_gigabytes_is_read_where_it_matters() -> None:
    file = twenty_gigabytes()
    found = read(file)  # type: ignore[arg-type]  # a file in all that is used of it
    assert found.lists[Kind.FOLLOWING].tolist() == [1, 2, 3]
    assert not found.warnings
    assert file.given < 1 << 20


@given(
    parts=st.lists(st.lists(IDS, max_size=20), min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
    again=st.booleans(),
    make=st.sampled_from([zipped, streamed, lambda files: without_directory(streamed(files))]),
)
@few(100)
def test_however_a_list_is_cut_and_shuffled_it_is_the_same_list(
    parts: list[list[int]], order: random.Random, again: bool, make: object
) -> None:
    expected = sorted({number for part in parts for number in part})
    if again:
        parts = [*parts, parts[0]]
    files = {
        f"data/following{f'-part{number}' if number else ''}.js": script(
            "following", [row("following", each) for each in part]
        )
        for number, part in enumerate(parts)
    }
    files["data/follower.js"] = script("follower", [])
    files["data/account.js"] = account_file()
    shuffled = list(files.items())
    order.shuffle(shuffled)
    assert callable(make)
    assert lists_of(make(dict(shuffled)))[Kind.FOLLOWING] == expected


@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06"]))
@few(120)
def test_arbitrary_bytes_are_answered(body: bytes, front: bytes) -> None:
    assert not answers(front + body)


@given(st.data())
@few(150)
def test_a_damaged_archive_is_answered(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(ARCHIVES)))
    for _ in range(data.draw(st.integers(1, 4))):
        # Damage where it hurts: in a header as often as anywhere.
        marks = [at for at in range(len(body) - 3) if body[at : at + 2] == b"PK"]
        near = st.sampled_from(marks or [0]).flatmap(lambda at: st.integers(at, at + 46))
        at = data.draw(st.one_of(near, st.integers(0, len(body)))) % len(body)
        piece = data.draw(st.binary(min_size=1, max_size=8))
        body[at : at + (len(piece) if data.draw(st.booleans()) else 0)] = piece
    if data.draw(st.booleans()):
        del body[data.draw(st.integers(0, len(body))) :]
    answers(bytes(body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["following", "follower", "accountId", "userLink", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=20,
)


@given(JSON, JSON, JSON, st.binary(max_size=30))
@few(120)
def test_any_json_or_text_in_a_file_is_answered(
    following: object, account: object, manifest: object, tail: bytes
) -> None:
    files = {
        "data/following.js": script("following", following) + tail,
        "data/account.js": script("account", account),
        "data/manifest.js": b"window.__THAR_CONFIG = "
        + json.dumps(
            {"userInfo": manifest, "archiveInfo": manifest, "dataTypes": manifest}
        ).encode(),
    }
    answers(zipped(files))


#: Prints how many bytes the process grew while it read, and the checksum of what it read.
READ_ALONE = """
import resource, sys
from pathlib import Path
from openportability.archives import reader, service
from openportability.domain import Kind
from openportability.networks.x.archive import ARCHIVE
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = service.inspect(ARCHIVE, [Path(sys.argv[1])])
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * 1024, reader.checksum(found.lists[Kind.FOLLOWERS]))
"""


@pytest.mark.slow
def test_a_million_rows_pass_in_bounded_memory(tmp_path: Path) -> None:
    ids = random.Random(7).sample(range(10**17, 2 * 10**18), 1_000_000)
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zip_file,
        zip_file.open("data/follower.js", "w") as entry,
    ):
        entry.write(b"window.YTD.follower.part0 = [")
        entry.write(b",\n".join(b'{"follower":{"accountId":"%d"}}' % each for each in ids))
        entry.write(b"]")
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
    told = subprocess.run(
        [sys.executable, "-c", READ_ALONE, tmp_path / "a.zip"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    ).stdout.split()
    expected = hashlib.sha256("".join(f"{each}\n" for each in sorted(ids)).encode()).hexdigest()
    assert told[1] == expected
    assert int(told[0]) < 100 << 20
