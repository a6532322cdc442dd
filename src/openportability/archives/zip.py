"""The directory of a zip that nobody should trust; where it is broken, the local headers, in order.

Works on any seekable file, however large, and never holds more than a piece of it. The layout:
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, TypeVar, cast

from openportability.archives.inflate import DEFLATED, STORED, Inflated, measure, unpack
from openportability.archives.rules import Caps
from openportability.errors import Invalid

T = TypeVar("T")

_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x06"
_LOCATOR_64 = b"PK\x06\x07"
_CENTRAL = b"PK\x01\x02"
_LOCAL = b"PK\x03\x04"
#: What may follow the last entry.
_AFTER_ENTRIES = {_CENTRAL, _END, _END_64, b"PK\x06\x08"}
#: A marker in front of the first entry of a zip that was made to be split.
_MARKERS = {b"PK\x07\x08", b"PK00"}

_END_BYTES = 22
#: The end record and the longest comment behind it.
_TAIL_BYTES = _END_BYTES + 0xFFFF
_CENTRAL_BYTES = 46
_LOCAL_BYTES = 30
#: The longest record of the directory: name, extra field and comment have 16 bits each.
_LARGEST_BYTES = _CENTRAL_BYTES + 3 * 0xFFFF
_FULL_16 = 0xFFFF
_FULL_32 = 0xFFFF_FFFF
_PIECE_BYTES = 1 << 18

_ENCRYPTED = 1 << 0
_SIZES_FOLLOW = 1 << 3
_UTF_8 = 1 << 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file in a zip, as the zip describes it."""

    raw_name: bytes
    flags: int
    method: int
    #: Bytes as they lie in the zip, bytes when unpacked, and the checksum of these.
    packed: int
    size: int
    crc: int
    #: Where its local header begins, and where its bytes do (-1: not looked up yet).
    header_at: int
    data_at: int = -1

    @property
    def name(self) -> str:
        """The path as it was written; bytes that are not text become marks."""
        return self.raw_name.decode("utf-8" if self.flags & _UTF_8 else "cp437", "replace")

    @property
    def encrypted(self) -> bool:
        return bool(self.flags & _ENCRYPTED)


class Broken(Exception):
    """The directory does not describe this file; its local headers may."""


@dataclass(frozen=True, kw_only=True)
class _End:
    """Where the directory is, and how many entries it should have (None: more than can be told)."""

    at: int
    size: int
    #: Bytes that stand before the zip itself, to be added to every offset.
    shift: int
    count: int


def browse(
    file: BinaryIO,
    caps: Caps,
    gather: Callable[[Iterator[Entry]], T],
    kept: Callable[[T], Sequence[Entry]],
) -> tuple[T, list[Entry], bool]:
    """Let `gather` look at every entry, then find the bytes of those `kept`.

    Return what was gathered, the kept entries, and whether the directory had to be made again from
    the local headers (`gather` is then called a second time).
    """
    end = None
    try:
        end = _find_end(file)
        if end is not None:
            found = gather(_directory(file, end, caps))
            return found, _locate(file, kept(found), until=end.at), False
    except Broken:
        pass
    found = gather(_scan(file, caps, ends=end is not None))
    return found, list(kept(found)), True


def read(file: BinaryIO, entry: Entry, caps: Caps) -> Iterator[bytes]:
    """Yield an entry's bytes, piece by piece; at the end it must be what the zip announced."""
    _check_readable(entry)
    crc = size = 0
    for piece in unpack(file, entry.data_at, entry.packed, entry.method, caps, name=entry.name):
        crc, size = zlib.crc32(piece, crc), size + len(piece)
        yield piece
    if (crc, size) != (entry.crc, entry.size):
        raise Invalid("archive.corrupt_file", file=entry.name)


def inside(file: BinaryIO, entry: Entry, caps: Caps) -> BinaryIO:
    """Return an entry as a file that can be sought, without writing it anywhere."""
    _check_readable(entry)

    def begin() -> Iterator[bytes]:
        return unpack(file, entry.data_at, entry.packed, entry.method, caps, name=entry.name)

    return cast(BinaryIO, Inflated(begin, entry.size))


def _check_readable(entry: Entry) -> None:
    if entry.encrypted:
        raise Invalid("archive.encrypted")
    if entry.method not in {STORED, DEFLATED}:
        raise Invalid("archive.method")


# --- the end of the file ----------------------------------------------------------------------


def _find_end(file: BinaryIO) -> _End | None:
    length = file.seek(0, 2)
    tail_at = max(0, length - _TAIL_BYTES)
    tail = _at(file, tail_at, length - tail_at)
    place = len(tail)
    while (place := tail.rfind(_END, 0, place)) >= 0:
        if len(tail) - place >= _END_BYTES:
            comment = int.from_bytes(tail[place + 20 : place + 22], "little")
            if place + _END_BYTES + comment <= len(tail):
                return _read_end(file, tail_at + place, tail[place : place + _END_BYTES])
    return None


def _read_end(file: BinaryIO, at: int, record: bytes) -> _End:
    count, size, offset = struct.unpack("<10xHII2x", record)
    ends_at = at
    if count == _FULL_16 or _FULL_32 in {size, offset}:
        large = _read_end_64(file, at)
        if large is not None:
            ends_at, count, size, offset = large
    shift = ends_at - size - offset
    if shift < 0 or (count == 0 and at > 0):
        raise Broken
    return _End(at=ends_at - size, size=size, shift=shift, count=count)


def _read_end_64(file: BinaryIO, end_at: int) -> tuple[int, int, int, int] | None:
    locator = _at(file, end_at - 20, 20) if end_at >= 20 else b""
    if locator[:4] != _LOCATOR_64:
        return None
    # Where bytes were put before the zip, the locator is wrong and the record right before it.
    for at in (int.from_bytes(locator[8:16], "little"), end_at - 20 - 56):
        record = _at(file, at, 56) if 0 <= at <= end_at - 76 else b""
        if record[:4] == _END_64:
            count, size, offset = struct.unpack("<32xQQQ", record)
            return at, count, size, offset
    raise Broken


# --- the directory ----------------------------------------------------------------------------


def _directory(file: BinaryIO, end: _End, caps: Caps) -> Iterator[Entry]:
    held = b""
    read_to, ends_at = end.at, end.at + end.size
    number = 0
    while held or read_to < ends_at:
        if len(held) < _LARGEST_BYTES and read_to < ends_at:
            # Whoever takes the entries may read elsewhere meanwhile.
            piece = _at(file, read_to, min(_PIECE_BYTES, ends_at - read_to))
            if not piece:
                raise Broken
            held, read_to = held + piece, read_to + len(piece)
        place = 0
        while len(held) - place >= (_CENTRAL_BYTES if read_to == ends_at else _LARGEST_BYTES):
            entry, place = _central(held, place, end, caps)
            number += 1
            if number > caps.entries:
                raise Invalid("archive.limits", cap="entries")
            yield entry
        held = held[place:]
        if read_to == ends_at and held:
            raise Broken
    # A writer without zip64 counts past 65,535 from the beginning again.
    if number != end.count and number % (_FULL_16 + 1) != end.count:
        raise Broken


def _central(held: bytes, place: int, end: _End, caps: Caps) -> tuple[Entry, int]:
    fields = struct.unpack_from("<4s4xHH4xIIIHHH8xI", held, place)
    signature, flags, method, crc, packed, size, name_n, extra_n, comment_n, offset = fields
    name_at = place + _CENTRAL_BYTES
    extra_at = name_at + name_n
    after = extra_at + extra_n + comment_n
    if signature != _CENTRAL or after > len(held):
        raise Broken
    _check_name_length(name_n, caps)
    if _FULL_32 in {packed, size, offset}:
        size, packed, offset = _large(held[extra_at : extra_at + extra_n], size, packed, offset)
    if offset + end.shift >= end.at:
        raise Broken
    entry = Entry(
        raw_name=held[name_at:extra_at],
        flags=flags,
        method=method,
        packed=packed,
        size=size,
        crc=crc,
        header_at=offset + end.shift,
    )
    return entry, after


def _large(extra: bytes, *values: int) -> tuple[int, ...]:
    """Put the 64-bit values of the zip64 field in the places of those that are full."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == 1:
            numbers = (
                int.from_bytes(body[at : at + 8], "little") for at in range(0, len(body) - 7, 8)
            )
            return tuple(next(numbers, value) if value == _FULL_32 else value for value in values)
    return values


def _locate(file: BinaryIO, entries: Sequence[Entry], *, until: int) -> list[Entry]:
    """Find where the bytes of these entries begin; no two may share any."""
    located = []
    for entry in entries:
        header = _at(file, entry.header_at, _LOCAL_BYTES)
        if len(header) < _LOCAL_BYTES or header[:4] != _LOCAL:
            raise Broken
        name_n, extra_n = struct.unpack_from("<HH", header, 26)
        name_at = entry.header_at + _LOCAL_BYTES
        if _at(file, name_at, name_n) != entry.raw_name:
            raise Broken
        located.append(replace(entry, data_at=name_at + name_n + extra_n))
    in_order = sorted(located, key=lambda entry: entry.header_at)
    ends_at = 0
    for entry in in_order:
        if entry.header_at < ends_at:
            raise Invalid("archive.corrupt_file", file=entry.name)
        ends_at = entry.data_at + entry.packed
        if ends_at > until:
            raise Invalid("archive.corrupt_file", file=entry.name)
    return located


# --- without a directory ----------------------------------------------------------------------


def _scan(file: BinaryIO, caps: Caps, *, ends: bool) -> Iterator[Entry]:
    """Walk from one local header to the next. `ends`: an end record shows it is not cut."""
    length = file.seek(0, 2)
    first = _at(file, 0, 4)
    at = 4 if first in _MARKERS else 0
    if _at(file, at, 4) not in {_LOCAL, *_AFTER_ENTRIES}:
        raise Invalid("archive.not_zip")
    number = 0
    while at < length:
        signature = _at(file, at, 4)
        if signature in _AFTER_ENTRIES:
            return
        entry, at = _local(file, at, length, caps, ends=ends)
        number += 1
        if number > caps.entries:
            raise Invalid("archive.limits", cap="entries")
        yield entry


def _local(file: BinaryIO, at: int, length: int, caps: Caps, *, ends: bool) -> tuple[Entry, int]:
    header = _at(file, at, _LOCAL_BYTES)
    if len(header) < _LOCAL_BYTES:
        raise Invalid("archive.truncated")
    fields = struct.unpack("<4s2xHH4xIIIHH", header)
    signature, flags, method, crc, packed, size, name_n, extra_n = fields
    if signature != _LOCAL:
        raise Invalid("archive.corrupt_file", file="zip")
    _check_name_length(name_n, caps)
    names = _at(file, at + _LOCAL_BYTES, name_n + extra_n)
    size, packed = _large(names[name_n:], size, packed)
    entry = Entry(
        raw_name=names[:name_n],
        flags=flags,
        method=method,
        packed=packed,
        size=size,
        crc=crc,
        header_at=at,
        data_at=at + _LOCAL_BYTES + name_n + extra_n,
    )
    after = entry.data_at + packed
    if flags & _SIZES_FOLLOW:
        entry, after = _with_sizes(file, entry, length, caps, ends=ends)
    if after > length:
        raise _cut(entry, ends=ends)
    return entry, after


def _with_sizes(
    file: BinaryIO, entry: Entry, length: int, caps: Caps, *, ends: bool
) -> tuple[Entry, int]:
    """Find the end of an entry whose sizes stand behind it."""
    _check_readable(entry)
    measured = measure(file, entry.data_at, entry.method, caps, name=entry.name)
    if measured is None:
        raise _cut(entry, ends=ends)
    packed, size = measured
    behind = _at(file, entry.data_at + packed, 28)
    for form in ("<4xIII", "<4xIQQ", "<III", "<IQQ"):
        width = struct.calcsize(form)
        if len(behind) < width or ("4x" in form) != (behind[:4] == b"PK\x07\x08"):
            continue
        crc, said_packed, said_size = struct.unpack_from(form, behind)
        follows = behind[width : width + 2]
        if (said_packed, said_size) == (packed, size) and follows in {b"PK", b""}:
            after = entry.data_at + packed + width
            return replace(entry, packed=packed, size=size, crc=crc), min(after, length)
    raise _cut(entry, ends=ends or len(behind) == 28)


def _cut(entry: Entry, *, ends: bool) -> Invalid:
    if ends:
        return Invalid("archive.corrupt_file", file=entry.name)
    return Invalid("archive.truncated")


def _check_name_length(length: int, caps: Caps) -> None:
    if length > caps.name_bytes:
        raise Invalid("archive.limits", cap="path")


def _at(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)
