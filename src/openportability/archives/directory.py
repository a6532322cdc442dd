"""The directory of a zip, at its end: found, and read a piece at a time.

The layout: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from openportability.archives.entries import (
    FULL_32,
    Batch,
    Broken,
    Entry,
    check_name_length,
    large,
    read_at,
)
from openportability.archives.rules import Caps
from openportability.errors import Invalid

_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x06"
_LOCATOR_64 = b"PK\x06\x07"
_CENTRAL = b"PK\x01\x02"
_END_BYTES = 22
#: The end record and the longest comment behind it.
_TAIL_BYTES = _END_BYTES + 0xFFFF
_RECORD = struct.Struct("<4s4xHH4xIIIHHH8xI")
_CENTRAL_BYTES = 46
#: The longest record of the directory: name, extra field and comment have 16 bits each.
_LARGEST_BYTES = _CENTRAL_BYTES + 3 * 0xFFFF
_FULL_16 = 0xFFFF
#: Ends that are looked at; a zip has one.
_MOST_ENDS = 64
_PIECE_BYTES = 1 << 18


@dataclass(frozen=True, kw_only=True)
class End:
    """Where the directory is, and how many entries it should have."""

    at: int
    size: int
    #: Bytes that stand before the zip itself, to be added to every offset.
    shift: int
    #: A writer without zip64 counts past 65,535 from the beginning again.
    count: int


def find_end(file: BinaryIO) -> End | None:
    """Return what the end record says; None where there is no such record."""
    length = file.seek(0, 2)
    tail_at = max(0, length - _TAIL_BYTES)
    tail = read_at(file, tail_at, length - tail_at)
    ends: list[End | None] = []
    place = len(tail)
    # What looks like an end may stand in the comment behind the real one.
    while len(ends) < _MOST_ENDS and (place := tail.rfind(_END, 0, place)) >= 0:
        record = tail[place : place + _END_BYTES]
        if len(record) == _END_BYTES and place + _END_BYTES + record[20] + 256 * record[21] <= len(
            tail
        ):
            end, is_likely = _read_end(file, tail_at + place, record)
            if is_likely:
                return end
            ends.append(end)
    if not ends:
        return None
    for end in ends:
        if end is not None:
            return end
    raise Broken


def directory(
    file: BinaryIO, end: End, caps: Caps, is_other: Callable[[bytes], bool]
) -> Iterator[Batch]:
    """Yield all entries; those whose path `is_other` are only counted."""
    _check_count(file, end, caps)
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
        whole = len(held) - (_CENTRAL_BYTES if read_to == ends_at else _LARGEST_BYTES)
        batch, place = _batch(held, whole, end, caps, is_other)
        number += len(batch.entries) + batch.others
        if number > caps.entries:
            raise Invalid("archive.limits", cap="entries")
        yield batch
        held = held[place:]
        if read_to == ends_at and held:
            raise Broken
    if number != end.count and number % (_FULL_16 + 1) != end.count:
        raise Broken


def _check_count(file: BinaryIO, end: End, caps: Caps) -> None:
    """Refuse too many entries before any is read: as the end says, else by their signatures."""
    room = end.size // _CENTRAL_BYTES
    if end.count > room:
        raise Broken
    if end.count > caps.entries:
        raise Invalid("archive.limits", cap="entries")
    if room <= caps.entries:
        return
    # Whoever reads on from the last three bytes sees a signature that two pieces share.
    at, ends_at, number = end.at, end.at + end.size, 0
    while number <= caps.entries and at + len(_CENTRAL) <= ends_at:
        piece = read_at(file, at, min(_PIECE_BYTES, ends_at - at))
        number += piece.count(_CENTRAL)
        at += max(1, len(piece) - len(_CENTRAL) + 1)
    if number > caps.entries:
        raise Invalid("archive.limits", cap="entries")


def _batch(
    held: bytes, whole: int, end: End, caps: Caps, is_other: Callable[[bytes], bool]
) -> tuple[Batch, int]:
    """Read the records that begin at or before `whole`; return also where the next one does."""
    entries: list[Entry] = []
    place = others = 0
    while place <= whole:
        fields = _RECORD.unpack_from(held, place)
        signature, flags, method, crc, packed, size, name_n, extra_n, comment_n, offset = fields
        name_at = place + _CENTRAL_BYTES
        extra_at = name_at + name_n
        place = extra_at + extra_n + comment_n
        if signature != _CENTRAL or place > len(held):
            raise Broken
        check_name_length(name_n, caps)
        if FULL_32 in {packed, size, offset}:
            size, packed, offset = large(held[extra_at : extra_at + extra_n], size, packed, offset)
        header_at = offset + end.shift
        if header_at >= end.at:
            raise Broken
        raw_name = held[name_at:extra_at]
        if is_other(raw_name):
            others += 1
            continue
        entry = Entry(
            raw_name=raw_name,
            flags=flags,
            method=method,
            packed=packed,
            size=size,
            crc=crc,
            header_at=header_at,
        )
        entries.append(entry)
    return Batch(entries=entries, others=others), place


def _read_end(file: BinaryIO, at: int, record: bytes) -> tuple[End | None, bool]:
    """Return what an end says, if it can be true, and whether a directory begins where it says."""
    said = struct.unpack("<10xHII2x", record)
    first: End | None = None
    for ends_at, count, size, offset in (*_read_end_64(file, at), (at, *said)):
        shift = ends_at - size - offset
        if shift < 0 or (count == 0 and at > 0):
            continue
        end = End(at=ends_at - size, size=size, shift=shift, count=count)
        if count == 0 or read_at(file, end.at, len(_CENTRAL)) == _CENTRAL:
            return end, True
        first = first or end
    return first, False


def _read_end_64(file: BinaryIO, end_at: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield what the end of a large zip says, if there is one: also where it would not be needed."""
    locator = read_at(file, end_at - 20, 20) if end_at >= 20 else b""
    if locator[:4] != _LOCATOR_64:
        return
    # Where bytes were put before the zip, the locator is wrong and the record right before it.
    for at in (int.from_bytes(locator[8:16], "little"), end_at - 20 - 56):
        record = read_at(file, at, 56) if 0 <= at <= end_at - 76 else b""
        if record[:4] == _END_64:
            count, size, offset = struct.unpack("<32xQQQ", record)
            yield at, count, size, offset
