"""Files in a zip that nobody should trust: found by its directory, or else by its local headers.

Works on any seekable file, however large, and never holds more than a piece of it. The layout:
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, TypeVar, cast

from openportability.archives.entries import (
    FULL_32,
    LOCAL,
    LOCAL_BYTES,
    Broken,
    Entry,
    check_name_length,
    check_readable,
    large,
    read_at,
)
from openportability.archives.inflate import Inflated, unpack
from openportability.archives.rules import Caps
from openportability.archives.scan import scan
from openportability.errors import Invalid

T = TypeVar("T")

_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x06"
_LOCATOR_64 = b"PK\x06\x07"
_CENTRAL = b"PK\x01\x02"
_END_BYTES = 22
#: The end record and the longest comment behind it.
_TAIL_BYTES = _END_BYTES + 0xFFFF
_CENTRAL_BYTES = 46
#: The longest record of the directory: name, extra field and comment have 16 bits each.
_LARGEST_BYTES = _CENTRAL_BYTES + 3 * 0xFFFF
_FULL_16 = 0xFFFF
_PIECE_BYTES = 1 << 18


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
    found = gather(scan(file, caps, ends=end is not None))
    return found, list(kept(found)), True


def read(file: BinaryIO, entry: Entry, caps: Caps) -> Iterator[bytes]:
    """Yield an entry's bytes, piece by piece; at the end it must be what the zip announced."""
    check_readable(entry)
    crc = size = 0
    for piece in unpack(file, entry.data_at, entry.packed, entry.method, caps, name=entry.name):
        crc, size = zlib.crc32(piece, crc), size + len(piece)
        yield piece
    if (crc, size) != (entry.crc, entry.size):
        raise Invalid("archive.corrupt_file", file=entry.name)


def inside(file: BinaryIO, entry: Entry, caps: Caps) -> BinaryIO:
    """Return an entry as a file that can be sought, without writing it anywhere."""
    check_readable(entry)

    def begin() -> Iterator[bytes]:
        return unpack(file, entry.data_at, entry.packed, entry.method, caps, name=entry.name)

    return cast(BinaryIO, Inflated(begin, entry.size, caps.nested_bytes))


# --- the end of the file ----------------------------------------------------------------------


def _find_end(file: BinaryIO) -> _End | None:
    length = file.seek(0, 2)
    tail_at = max(0, length - _TAIL_BYTES)
    tail = read_at(file, tail_at, length - tail_at)
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
    if count == _FULL_16 or FULL_32 in {size, offset}:
        large = _read_end_64(file, at)
        if large is not None:
            ends_at, count, size, offset = large
    shift = ends_at - size - offset
    if shift < 0 or (count == 0 and at > 0):
        raise Broken
    return _End(at=ends_at - size, size=size, shift=shift, count=count)


def _read_end_64(file: BinaryIO, end_at: int) -> tuple[int, int, int, int] | None:
    locator = read_at(file, end_at - 20, 20) if end_at >= 20 else b""
    if locator[:4] != _LOCATOR_64:
        return None
    # Where bytes were put before the zip, the locator is wrong and the record right before it.
    for at in (int.from_bytes(locator[8:16], "little"), end_at - 20 - 56):
        record = read_at(file, at, 56) if 0 <= at <= end_at - 76 else b""
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
            piece = read_at(file, read_to, min(_PIECE_BYTES, ends_at - read_to))
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
    check_name_length(name_n, caps)
    if FULL_32 in {packed, size, offset}:
        size, packed, offset = large(held[extra_at : extra_at + extra_n], size, packed, offset)
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


def _locate(file: BinaryIO, entries: Sequence[Entry], *, until: int) -> list[Entry]:
    """Find where the bytes of these entries begin; no two may share any."""
    located = []
    for entry in entries:
        header = read_at(file, entry.header_at, LOCAL_BYTES)
        if len(header) < LOCAL_BYTES or header[:4] != LOCAL:
            raise Broken
        name_n, extra_n = struct.unpack_from("<HH", header, 26)
        name_at = entry.header_at + LOCAL_BYTES
        if read_at(file, name_at, name_n) != entry.raw_name:
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
