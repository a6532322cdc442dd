"""Bytes out of a zip, bounded: stored and deflated entries, in pieces, or as a file to seek in."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from openportability.archives.rules import Caps
from openportability.errors import Invalid

STORED = 0
DEFLATED = 8

_PIECE_BYTES = 1 << 16
#: Small files may be packed better than the cap allows.
_RATIO_FROM_BYTES = 1 << 20


def unpack(
    file: BinaryIO, at: int, packed: int, method: int, caps: Caps, *, name: str
) -> Iterator[bytes]:
    """Yield what lies packed there, in pieces of at most 64 KiB.

    The file may be read elsewhere in between.
    """
    pieces = _pieces(file, at, packed, name)
    if method == STORED:
        yield from pieces
        return
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    taken = given = 0
    for piece in pieces:
        if inflate.eof:
            break
        taken += len(piece)
        for plain in _inflated(inflate, piece, name):
            given += len(plain)
            _check_ratio(given, taken, caps)
            yield plain
    if not inflate.eof:
        raise Invalid("archive.corrupt_file", file=name)


class Inflated(io.RawIOBase):
    """What `unpack` yields, as a file to seek in. Going back begins anew: not too often.

    `most` caps the bytes that are unpacked in all.
    """

    _REWINDS = 64

    def __init__(self, begin: Callable[[], Iterator[bytes]], size: int, most: int) -> None:
        self._begin = begin
        self._size = size
        self._left = most
        self._pieces = begin()
        self._held = b""
        #: Where the held bytes begin, and where the next read does.
        self._held_at = self._at = 0
        self._rewinds = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        wanted = max(0, self._size - self._at)
        wanted = wanted if size < 0 else min(size, wanted)
        if wanted and self._at < self._held_at:
            self._rewind()
        parts = []
        while wanted:
            skip = self._at - self._held_at
            if skip >= len(self._held):
                self._held_at += len(self._held)
                self._held = next(self._pieces, b"")
                self._left -= len(self._held)
                if self._left < 0:
                    raise Invalid("archive.limits", cap="nesting")
                if not self._held:
                    break
                continue
            part = self._held[skip : skip + wanted]
            parts.append(part)
            self._at += len(part)
            wanted -= len(part)
        return b"".join(parts)

    def _rewind(self) -> None:
        self._rewinds += 1
        if self._rewinds > self._REWINDS:
            raise Invalid("archive.limits", cap="nesting")
        self._pieces, self._held, self._held_at = self._begin(), b"", 0


def _inflated(inflate: zlib._Decompress, piece: bytes, name: str) -> Iterator[bytes]:
    while piece and not inflate.eof:
        try:
            plain = inflate.decompress(piece, _PIECE_BYTES)
        except zlib.error:
            raise Invalid("archive.corrupt_file", file=name) from None
        piece = inflate.unconsumed_tail
        if plain:
            yield plain


def _pieces(file: BinaryIO, at: int, length: int, name: str) -> Iterator[bytes]:
    ends_at = at + length
    while at < ends_at:
        file.seek(at)
        piece = file.read(min(_PIECE_BYTES, ends_at - at))
        if not piece:
            raise Invalid("archive.corrupt_file", file=name)
        at += len(piece)
        yield piece


def _check_ratio(given: int, taken: int, caps: Caps) -> None:
    if given > _RATIO_FROM_BYTES and given > taken * caps.ratio:
        raise Invalid("archive.limits", cap="ratio")
