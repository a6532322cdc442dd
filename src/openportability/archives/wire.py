"""What a reader found, as it travels: the form of docs/reference/archive-wire.md.

A browser reads the archive where it lies and sends this instead. Whoever sends it is as little
trusted as a zip: all of it is checked, and bytes that are not exactly such a form are refused.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import BinaryIO

import numpy as np

from openportability.archives.archive import Archive, Notice
from openportability.archives.reader import ReadFile, actor_id, checksum
from openportability.archives.rules import Caps, Owner
from openportability.archives.text import moment, shown
from openportability.domain import Kind
from openportability.errors import Invalid
from openportability.graph.codec import Keys, is_sorted_set
from openportability.network import ArchiveFormat

MEDIA_TYPE = "application/vnd.openportability.archive"

#: Three letters and the version.
_MARK = b"OPA\x01"
_START = struct.Struct("<4sI")
_DIGEST_BYTES = 32
_PIECE_BYTES = 1 << 16
_MOMENT = re.compile(r"[0-9-]{10}T[0-9:]{8}Z")
_DIGEST = re.compile(r"[0-9a-f]{64}")
#: What a reader may say of an archive that it could read, and the details that its words need.
NOTICES = frozenset(
    """
    archive.corrupt_file archive.count_mismatch archive.directory_rebuilt archive.missing_list
    archive.part_missing archive.partial archive.several archive.skipped_rows
    """.split()
)
_DETAILS = frozenset({"count", "date", "expected", "file"})
#: What JSON holds exactly everywhere.
_MOST = 2**53 - 1

_Tree = Mapping[str, object]


class _Malformed(Exception):
    """These bytes are not such a form."""


def encode(found: Archive) -> bytes:
    """Return the form of what was read."""
    blocks = {kind: _pack(keys) for kind, keys in found.lists.items()}
    made = found.generated_at
    head = {
        "owner": asdict(found.owner) if found.owner else None,
        "generated_at": made.isoformat().replace("+00:00", "Z") if made else None,
        "lists": [
            {
                "kind": kind,
                "count": int(keys.size),
                "bytes": len(blocks[kind]),
                "sha256": checksum(keys),
            }
            for kind, keys in found.lists.items()
        ],
        "read": [asdict(file) for file in found.files],
        "warnings": [asdict(notice) for notice in found.warnings],
        "ignored": found.ignored,
    }
    # As a browser writes it: no blanks, letters as they are.
    text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
    body = _START.pack(_MARK, len(text)) + text + b"".join(blocks.values())
    return body + hashlib.sha256(body).digest()


def decode(form: ArchiveFormat, body: BinaryIO, caps: Caps) -> Archive:
    """Return what was read. Raise `Invalid` for anything that a reader could not have made.

    Of the body no more than the head and a piece is in memory, of a list three times its ids.
    """
    try:
        return _Form(form, body, caps).read()
    except (_Malformed, struct.error, zlib.error, ValueError, RecursionError):
        raise Invalid("archive.corrupt_file") from None


class _Form:
    """One body being taken apart."""

    def __init__(self, form: ArchiveFormat, body: BinaryIO, caps: Caps) -> None:
        self._kinds = {entry.kind: entry for entry in form.lists}
        self._body = body
        self._caps = caps

    def read(self) -> Archive:
        end = self._body.seek(0, io.SEEK_END) - _DIGEST_BYTES
        self._body.seek(0)
        mark, length = _START.unpack(self._body.read(_START.size))
        at = _START.size + length
        _need(mark == _MARK and at <= end)
        if length > self._caps.head_bytes:
            raise Invalid("archive.limits", cap="head")
        self._check_digest(end)
        self._body.seek(_START.size)
        # Told the encoding: left to itself, it would guess.
        head = json.loads(self._body.read(length).decode())
        names = ("owner", "generated_at", "lists", "read", "warnings", "ignored")
        tree = _exactly(head, *names)
        files = [self._file(each) for each in _list(tree["read"])]
        self._check_rows(files)
        lists: dict[Kind, Keys] = {}
        for each in _list(tree["lists"]):
            kind, size, keys = self._list(each, at, end)
            _need(kind not in lists)
            lists[kind], at = keys, at + size
        _need(at == end)
        _check_counts(lists, files)
        if all(self._kinds[kind].opt_in for kind in lists):
            raise Invalid("archive.no_lists")
        return Archive(
            owner=_owner(tree["owner"]),
            generated_at=_moment(tree["generated_at"]),
            lists=lists,
            files=files,
            warnings=[self._notice(each) for each in _list(tree["warnings"])],
            ignored=_count(tree["ignored"]),
        )

    def _check_digest(self, end: int) -> None:
        digest = hashlib.sha256()
        self._body.seek(0)
        for piece in _pieces(self._body, end):
            digest.update(piece)
        _need(digest.digest() == self._body.read())

    def _file(self, value: object) -> ReadFile:
        tree = _exactly(value, "file", "kind", "count", "duplicates", "skipped")
        file = ReadFile(
            file=self._text(tree["file"]),
            kind=self._kind(tree["kind"]),
            count=_count(tree["count"]),
            duplicates=_count(tree["duplicates"]),
            skipped=_count(tree["skipped"]),
        )
        _need(file.duplicates + file.skipped <= file.count)
        return file

    def _check_rows(self, files: list[ReadFile]) -> None:
        """The caps are those of a reader: what it could not have read, nobody did."""
        if len(files) > self._caps.files:
            raise Invalid("archive.limits", cap="files")
        for kind in self._kinds:
            if sum(file.count for file in files if file.kind == kind) > self._caps.rows:
                raise Invalid("archive.limits", cap="rows")

    def _list(self, value: object, at: int, end: int) -> tuple[Kind, int, Keys]:
        tree = _exactly(value, "kind", "count", "bytes", "sha256")
        kind, count, size = self._kind(tree["kind"]), _count(tree["count"]), _count(tree["bytes"])
        if count > self._caps.rows:
            raise Invalid("archive.limits", cap="rows")
        _need(at + size <= end)
        keys = _unpack(_pieces(self._body, size), count)
        digest = tree["sha256"]
        _need(isinstance(digest, str) and _DIGEST.fullmatch(digest) is not None)
        _need(checksum(keys) == digest)
        return kind, size, keys

    def _kind(self, value: object) -> Kind:
        _need(isinstance(value, str) and value in self._kinds)
        return Kind(str(value))

    def _notice(self, value: object) -> Notice:
        tree = _exactly(value, "code", "detail")
        code, detail = tree["code"], tree["detail"]
        _need(isinstance(code, str) and code in NOTICES and isinstance(detail, dict))
        assert isinstance(detail, dict)  # as just seen
        _need(detail.keys() <= _DETAILS)
        told = {
            name: self._text(each) if isinstance(each, str) else _count(each)
            for name, each in detail.items()
        }
        return Notice(code=str(code), detail=told)

    def _text(self, value: object) -> str:
        # Half a pair of surrogates is no text: it cannot be written again.
        _need(isinstance(value, str) and len(value.encode()) <= 4 * self._caps.name_bytes)
        return str(value)


def _pack(keys: Keys) -> bytes:
    steps = np.diff(keys.astype("<u8"), prepend=np.zeros(1, "<u8"))
    shuffled = np.ascontiguousarray(steps.view(np.uint8).reshape(-1, 8).T)
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(shuffled.tobytes()) + deflate.flush()


def _unpack(block: Iterator[bytes], count: int) -> Keys:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = bytearray()
    for piece in block:
        # One byte more than announced: a block that holds more is seen, not unpacked.
        plain += inflate.decompress(piece, count * 8 + 1 - len(plain))
        _need(len(plain) <= count * 8 and not inflate.unconsumed_tail)
    _need(len(plain) == count * 8 and inflate.eof and not inflate.unused_data)
    shuffled = np.frombuffer(plain, np.uint8).reshape(8, count)
    steps = np.ascontiguousarray(shuffled.T).view("<u8").reshape(count)
    keys: Keys = np.cumsum(steps, dtype=np.uint64)
    _need(is_sorted_set(keys) and (count == 0 or int(keys[0]) > 0))
    return keys


def _pieces(body: BinaryIO, length: int) -> Iterator[bytes]:
    """Read on, so many bytes in all."""
    while length > 0 and (piece := body.read(min(_PIECE_BYTES, length))):
        length -= len(piece)
        yield piece


def _check_counts(lists: Mapping[Kind, Keys], files: list[ReadFile]) -> None:
    """Each list must be what its files gave."""
    _need(lists.keys() == {file.kind for file in files})
    for kind, keys in lists.items():
        given = [file.count - file.duplicates - file.skipped for file in files if file.kind == kind]
        _need(sum(given) == keys.size)


def _owner(value: object) -> Owner | None:
    if value is None:
        return None
    tree = _exactly(value, "id", "handle")
    actor = actor_id(tree["id"])
    _need(actor is not None and actor == tree["id"] and shown(tree["handle"]) == tree["handle"])
    assert actor is not None  # as just seen
    return Owner(id=actor, handle=str(tree["handle"]))


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    _need(isinstance(value, str) and _MOMENT.fullmatch(value) is not None)
    read = moment(value)
    _need(read is not None)
    return read


def _exactly(value: object, *names: str) -> _Tree:
    _need(isinstance(value, dict) and value.keys() == set(names))
    assert isinstance(value, dict)  # as just seen
    return value


def _list(value: object) -> list[object]:
    _need(isinstance(value, list))
    assert isinstance(value, list)  # as just seen
    return value


def _count(value: object) -> int:
    # A boolean is an int to Python.
    _need(type(value) is int and 0 <= value <= _MOST)
    assert isinstance(value, int)  # as just seen
    return value


def _need(fits: bool) -> None:
    if not fits:
        raise _Malformed
