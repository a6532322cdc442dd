"""Files in a zip that nobody should trust: found by its directory, or else by its local headers.

Works on any seekable file, however large, and never holds more than a piece of it. The layout:
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO, TypeVar, cast

from openportability.archives.directory import directory, find_end
from openportability.archives.entries import (
    LOCAL,
    LOCAL_BYTES,
    Batch,
    Broken,
    Entry,
    check_readable,
    read_at,
)
from openportability.archives.inflate import Inflated, unpack
from openportability.archives.rules import Caps
from openportability.archives.scan import scan
from openportability.errors import Invalid

T = TypeVar("T")


def browse(
    file: BinaryIO,
    caps: Caps,
    is_other: Callable[[bytes], bool],
    gather: Callable[[Iterator[Batch]], T],
    kept: Callable[[T], Sequence[Entry]],
) -> tuple[T, list[Entry], bool]:
    """Let `gather` look at every entry but those whose path `is_other`; find the bytes of those `kept`.

    Return what was gathered, the kept entries, and whether the directory had to be made again from
    the local headers (`gather` is then called a second time).
    """
    end = None
    try:
        end = find_end(file)
        if end is not None:
            found = gather(directory(file, end, caps, is_other))
            return found, _locate(file, kept(found), until=end.at), False
    except Broken:
        pass
    found = gather(scan(file, caps, is_other, ends=end is not None))
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
