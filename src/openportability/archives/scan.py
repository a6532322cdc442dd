"""A zip without a directory: from one local header to the next."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from openportability.archives.entries import (
    LOCAL,
    LOCAL_BYTES,
    Batch,
    Entry,
    check_name_length,
    check_readable,
    large,
    read_at,
)
from openportability.archives.inflate import STORED
from openportability.archives.rules import Caps
from openportability.errors import Invalid

_DESCRIPTOR = b"PK\x07\x08"
#: What may follow the last entry: the directory, its end, the end of a large one, its signature.
_AFTER_ENTRIES = {b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x08"}
#: A marker in front of the first entry of a zip that was made to be split.
_MARKERS = {_DESCRIPTOR, b"PK00"}
_SIZES_FOLLOW = 1 << 3
_PIECE_BYTES = 1 << 18


def scan(file: BinaryIO, caps: Caps, *, ends: bool) -> Iterator[Batch]:
    """Walk from one local header to the next. `ends`: an end record shows it is not cut."""
    length = file.seek(0, 2)
    first = read_at(file, 0, 4)
    at = 4 if first in _MARKERS else 0
    if read_at(file, at, 4) not in {LOCAL, *_AFTER_ENTRIES}:
        raise Invalid("archive.not_zip")
    number = 0
    while at < length:
        signature = read_at(file, at, 4)
        if signature in _AFTER_ENTRIES:
            return
        entry, at = _local(file, at, length, caps, ends=ends)
        number += 1
        if number > caps.entries:
            raise Invalid("archive.limits", cap="entries")
        yield Batch(entries=[entry])


def _local(file: BinaryIO, at: int, length: int, caps: Caps, *, ends: bool) -> tuple[Entry, int]:
    header = read_at(file, at, LOCAL_BYTES)
    if len(header) < LOCAL_BYTES:
        raise Invalid("archive.truncated")
    fields = struct.unpack("<4s2xHH4xIIIHH", header)
    signature, flags, method, crc, packed, size, name_n, extra_n = fields
    if signature != LOCAL:
        raise Invalid("archive.corrupt_file", file="zip")
    check_name_length(name_n, caps)
    names = read_at(file, at + LOCAL_BYTES, name_n + extra_n)
    size, packed = large(names[name_n:], size, packed)
    entry = Entry(
        raw_name=names[:name_n],
        flags=flags,
        method=method,
        packed=packed,
        size=size,
        crc=crc,
        header_at=at,
        data_at=at + LOCAL_BYTES + name_n + extra_n,
    )
    after = entry.data_at + packed
    if flags & _SIZES_FOLLOW:
        entry, after = _with_sizes(file, entry, length, ends=ends)
    if after > length:
        raise _cut(entry, ends=ends)
    return entry, after


def _with_sizes(file: BinaryIO, entry: Entry, length: int, *, ends: bool) -> tuple[Entry, int]:
    """Find the end of an entry whose sizes stand behind it.

    That is where a descriptor tells how many bytes lie before itself.
    """
    check_readable(entry)
    for at in _letters(file, entry.data_at):
        behind = read_at(file, at, 26)
        found = None
        if behind[:4] == _DESCRIPTOR:
            found = _described(behind, entry, at)
        elif behind[:4] in {LOCAL, *_AFTER_ENTRIES}:
            found = _unmarked(file, entry, at)
        if found is not None:
            return found
    found = _unmarked(file, entry, length)
    if found is None:
        raise _cut(entry, ends=ends)
    return found


def _letters(file: BinaryIO, at: int) -> Iterator[int]:
    """Yield every place from here on where a signature may stand."""
    while piece := read_at(file, at, _PIECE_BYTES):
        place = -1
        while (place := piece.find(b"PK", place + 1)) >= 0:
            yield at + place
        # The last byte is looked at again: its second letter may be in the next piece.
        at += max(1, len(piece) - 1)


def _described(behind: bytes, entry: Entry, at: int) -> tuple[Entry, int] | None:
    for form in ("<4xIII", "<4xIQQ"):
        width = struct.calcsize(form)
        if len(behind) < width:
            continue
        crc, packed, size = struct.unpack_from(form, behind)
        if packed == at - entry.data_at and behind[width : width + 2] in {b"PK", b""}:
            return replace(entry, packed=packed, size=size, crc=crc), at + width
    return None


def _unmarked(file: BinaryIO, entry: Entry, at: int) -> tuple[Entry, int] | None:
    """Read a descriptor without a mark: what follows it, at `at`, shows where it ends."""
    if entry.method == STORED:
        return None
    for form in ("<III", "<IQQ"):
        begins = at - struct.calcsize(form)
        if begins < entry.data_at:
            continue
        crc, packed, size = struct.unpack(form, read_at(file, begins, at - begins))
        if packed == begins - entry.data_at:
            return replace(entry, packed=packed, size=size, crc=crc), at
    return None


def _cut(entry: Entry, *, ends: bool) -> Invalid:
    if ends:
        return Invalid("archive.corrupt_file", file=entry.name)
    return Invalid("archive.truncated")
