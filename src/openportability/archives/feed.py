"""A list file on its way to the JSON reader: its rows one by one, or many at a time while they are plain."""

from __future__ import annotations

from collections.abc import Iterator

import ijson

from openportability.archives.gather import Readable
from openportability.archives.plain import PlainRows
from openportability.archives.text import json_in
from openportability.errors import Invalid

#: The one in C; the others are ten times slower, and the pure one accepts other texts.
_JSON = ijson.get_backend("yajl2_c")

_BITE_BYTES = 1 << 14
#: What is looked through at once for plain rows.
_BLOCK_BYTES = 1 << 18
#: A row may come in so many bytes at most; beyond, nothing can be said about what follows.
_ENDLESS_ROW_BYTES = 1 << 15
#: Arrays have no place in a row; the JSON reader crashes on some 100,000 of them inside each other.
_MOST_ARRAYS_IN_A_BITE = 4096


class Feed:
    """A file's JSON for the parser, in small bites; stops what would never end."""

    def __init__(self, file: Readable, most_bytes: int) -> None:
        self.path = file.place.path
        self.left = most_bytes
        #: Bytes handed out since the last row was complete.
        self.waiting = 0
        self._pieces = json_in(file.pieces(), b"[", file=self.path)
        self._held = memoryview(b"")

    def plain(self, rows: PlainRows) -> Iterator[list[bytes]]:
        """Yield the ids of the plain rows that a list begins with; `read` gives the list of the rest."""
        # It begins with a bracket, or there would be no list.
        text, taken = next(self._pieces, b"")[1:], 1
        while taken:
            text = b"".join([text, *_up_to(_BLOCK_BYTES - len(text), self._pieces)])
            ids, taken = rows.take(text)
            text = text[taken:]
            self.left -= taken
            if self.left < 0:
                raise Invalid("archive.limits", cap="list")
            yield ids
        self._held = memoryview(b"[" + text)

    def read(self, size: int) -> bytes:
        """Return the next bite, at most `size` bytes; nothing at the end."""
        if size <= 0:
            return b""
        if not self._held:
            self._held = memoryview(next(self._pieces, b""))
        bite, self._held = bytes(self._held[:size]), self._held[size:]
        self.left -= len(bite)
        self.waiting += len(bite)
        if self.left < 0:
            raise Invalid("archive.limits", cap="list")
        if self.waiting > _ENDLESS_ROW_BYTES + size or bite.count(b"[") > _MOST_ARRAYS_IN_A_BITE:
            raise Invalid("archive.corrupt_file", file=self.path)
        return bite


def _up_to(size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield pieces until they hold so many bytes."""
    while size > 0 and (piece := next(pieces, b"")):
        size -= len(piece)
        yield piece


def items(feed: Feed) -> Iterator[object]:
    """Yield the rows of a file."""
    try:
        # use_float: the parser crashes on exact numbers with more digits than Python reads.
        for item in _JSON.items(feed, "item", buf_size=_BITE_BYTES, use_float=True):
            feed.waiting = 0
            yield item
    except (ijson.JSONError, ValueError, ArithmeticError):
        raise Invalid("archive.corrupt_file", file=feed.path) from None
