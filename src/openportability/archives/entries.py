"""One file of a zip, as the zip describes it, and what both ways to find it have in common."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from openportability.archives.inflate import DEFLATED, STORED
from openportability.archives.rules import Caps
from openportability.errors import Invalid

#: The beginning of an entry's local header, and the bytes of it before the name.
LOCAL = b"PK\x03\x04"
LOCAL_BYTES = 30
#: A number that is too large for its place stands in the zip64 field.
FULL_32 = 0xFFFF_FFFF

_ENCRYPTED = 1 << 0
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some entries of a zip, and how many more that are none of our business."""

    entries: Sequence[Entry]
    others: int = 0


class Broken(Exception):
    """The directory does not describe this file; its local headers may."""


def check_readable(entry: Entry) -> None:
    """Raise `Invalid` for an entry that nobody here can unpack."""
    if entry.encrypted:
        raise Invalid("archive.encrypted")
    if entry.method not in {STORED, DEFLATED}:
        raise Invalid("archive.method")


def large(extra: bytes, *values: int) -> tuple[int, ...]:
    """Put the 64-bit values of the zip64 field in the places of those that are full."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == 1:
            numbers = (
                int.from_bytes(body[at : at + 8], "little") for at in range(0, len(body) - 7, 8)
            )
            return tuple(next(numbers, value) if value == FULL_32 else value for value in values)
    return values


def check_name_length(length: int, caps: Caps) -> None:
    """Raise `Invalid` for a path that is too long."""
    if length > caps.name_bytes:
        raise Invalid("archive.limits", cap="path")


def read_at(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)
