"""A zip without a directory: from one local header to the next.

An entry whose sizes stand behind it ends where a descriptor tells how many bytes lie before itself. Only
whole signatures are looked at, and only so many that begin nothing: no file is a puzzle.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

from openportability.archives.entries import (
    FULL_32,
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
_SIGNATURE = re.compile(b"|".join(sorted({LOCAL, _DESCRIPTOR, *_AFTER_ENTRIES})))
_HEADER = struct.Struct("<4s2xHH4xIIIHH")
_SIZES_FOLLOW = 1 << 3
#: The longest descriptor without a mark, and the longest with one and two letters of what follows.
_BEFORE_BYTES, _BEHIND_BYTES = 20, 26
#: What is read at once: a little where an entry may be short, and more the longer it turns out to be.
_FIRST_BYTES, _PIECE_BYTES = 1 << 10, 1 << 18
_WINDOW_BYTES = 1 << 14
_ENTRIES_IN_A_BATCH = 1000


def scan(
    file: BinaryIO, caps: Caps, is_other: Callable[[bytes], bool], *, ends: bool
) -> Iterator[Batch]:
    """Yield all entries; those whose path `is_other` are only counted.

    `ends`: an end record shows that the zip is not cut.
    """
    walk = _Walk(file, caps, is_other, ends=ends)
    at = 4 if walk.read(0, 4) in _MARKERS else 0
    if walk.read(at, 4) not in {LOCAL, *_AFTER_ENTRIES}:
        raise Invalid("archive.not_zip")
    entries: list[Entry] = []
    number = others = 0
    while at < walk.length and walk.read(at, 4) not in _AFTER_ENTRIES:
        entry, at = walk.local(at)
        number += 1
        if number > caps.entries:
            raise Invalid("archive.limits", cap="entries")
        if entry is None:
            others += 1
        else:
            entries.append(entry)
        if number % _ENTRIES_IN_A_BATCH == 0:
            yield Batch(entries=entries, others=others)
            entries, others = [], 0
    yield Batch(entries=entries, others=others)


class _Walk:
    """The way through one file."""

    def __init__(
        self, file: BinaryIO, caps: Caps, is_other: Callable[[bytes], bool], *, ends: bool
    ) -> None:
        self._file = file
        self._caps = caps
        self._is_other = is_other
        self._ends = ends
        self.length = file.seek(0, 2)
        self._held, self._held_at = b"", 0
        #: Signatures that began nothing.
        self._false = 0

    def read(self, at: int, length: int) -> bytes:
        """Return some bytes; small reads near each other become one."""
        start = at - self._held_at
        if start < 0 or start + length > len(self._held):
            self._held = read_at(self._file, at, max(length, _WINDOW_BYTES))
            self._held_at, start = at, 0
        return self._held[start : start + length]

    def local(self, at: int) -> tuple[Entry | None, int]:
        """Return the entry whose header begins here, unless it `is_other`, and where what follows does."""
        header = self.read(at, LOCAL_BYTES)
        if len(header) < LOCAL_BYTES:
            raise Invalid("archive.truncated")
        signature, flags, method, crc, packed, size, name_n, extra_n = _HEADER.unpack(header)
        if signature != LOCAL:
            raise Invalid("archive.corrupt_file", file="zip")
        check_name_length(name_n, self._caps)
        names = self.read(at + LOCAL_BYTES, name_n + extra_n)
        raw_name, data_at = names[:name_n], at + LOCAL_BYTES + name_n + extra_n
        if FULL_32 in {size, packed}:
            size, packed = large(names[name_n:], size, packed)
        after = data_at + packed
        is_other = self._is_other(raw_name)
        if is_other and not flags & _SIZES_FOLLOW and after <= self.length:
            return None, after
        entry = Entry(
            raw_name=raw_name,
            flags=flags,
            method=method,
            packed=packed,
            size=size,
            crc=crc,
            header_at=at,
            data_at=data_at,
        )
        if flags & _SIZES_FOLLOW:
            check_readable(entry)
            entry, after = self._with_sizes(entry)
        if after > self.length:
            raise self._cut(entry)
        return None if is_other else entry, after

    def _with_sizes(self, entry: Entry) -> tuple[Entry, int]:
        # A local header is longer than what stands before a signature, so there is so much.
        begins, look = entry.data_at - _BEFORE_BYTES, _FIRST_BYTES
        while piece := self.read(begins, look):
            is_last = begins + len(piece) >= self.length
            until = len(piece) if is_last else len(piece) - _BEHIND_BYTES
            for signature in _SIGNATURE.finditer(piece, _BEFORE_BYTES):
                place = signature.start()
                if place >= until:
                    break
                found = _ended(entry, piece, place, begins)
                if found is not None:
                    return found
                self._false += 1
                if self._false > self._caps.false_signatures:
                    raise Invalid("archive.limits", cap="signatures")
            if is_last:
                break
            begins += until - _BEFORE_BYTES
            look = min(2 * look, _PIECE_BYTES)
        tail = read_at(self._file, self.length - _BEFORE_BYTES, _BEFORE_BYTES)
        found = _unmarked(tail, entry, self.length)
        if found is None:
            raise self._cut(entry)
        return found

    def _cut(self, entry: Entry) -> Invalid:
        if self._ends:
            return Invalid("archive.corrupt_file", file=entry.name)
        return Invalid("archive.truncated")


def _ended(entry: Entry, piece: bytes, place: int, begins: int) -> tuple[Entry, int] | None:
    """Say whether the entry ends at a signature in this piece, and where what follows begins."""
    behind = piece[place : place + _BEHIND_BYTES]
    if behind[:4] != _DESCRIPTOR:
        return _unmarked(piece[place - _BEFORE_BYTES : place], entry, begins + place)
    for form in ("<4xIII", "<4xIQQ"):
        width = struct.calcsize(form)
        if len(behind) < width:
            continue
        crc, packed, size = struct.unpack_from(form, behind)
        if packed == begins + place - entry.data_at and behind[width : width + 2] in {b"PK", b""}:
            return replace(entry, packed=packed, size=size, crc=crc), begins + place + width
    return None


def _unmarked(before: bytes, entry: Entry, at: int) -> tuple[Entry, int] | None:
    """Read a descriptor without a mark: what follows it, at `at`, shows where it ends."""
    if entry.method == STORED:
        return None
    for form in ("<III", "<IQQ"):
        width = struct.calcsize(form)
        if at - width < entry.data_at:
            continue
        crc, packed, size = struct.unpack_from(form, before, len(before) - width)
        if packed == at - width - entry.data_at:
            return replace(entry, packed=packed, size=size, crc=crc), at
    return None
