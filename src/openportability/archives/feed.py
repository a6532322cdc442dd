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

#: What the JSON reader gets at once: the bites of a file begin at multiples of this, counted from where its JSON
#: does, however it comes. So what is found in one bite, and in which order, is the same in the browser.
_BITE_BYTES = 1 << 14
#: What is looked through at once for plain rows.
_BLOCK_BYTES = 1 << 18
#: A row may end so many bites behind the one before it; beyond, nothing can be said about what follows.
_MOST_BITES = 3
#: Arrays have no place in a row; the JSON reader crashes on some 100,000 of them inside each other.
_MOST_ARRAYS_IN_A_BITE = 4096


class Feed:
    """A file's JSON for the parser, in small bites; stops what would never end."""

    def __init__(self, file: Readable, most_bytes: int) -> None:
        self.path = file.place.path
        self.left = most_bytes
        self._pieces = json_in(file.pieces(), b"[", file=self.path)
        self._held = b""
        #: A bracket that stands for the one in front of all rows.
        self._opening = b""
        #: How much of the JSON was handed out, and the bite in which the last row ended.
        self._at = self._row_bite = 0

    def plain(self, rows: PlainRows) -> Iterator[list[bytes]]:
        """Yield the ids of the plain rows that a list begins with; `read` gives the list of the rest."""
        # It begins with a bracket, or there would be no list.
        text, taken = next(self._pieces, b"")[1:], 1
        self._at = 1
        while taken:
            text = b"".join([text, *_up_to(_BLOCK_BYTES - len(text), self._pieces)])
            ids, taken = rows.take(text)
            if taken:
                self._row_bite = (self._at + text.rfind(b"}", 0, taken)) // _BITE_BYTES
            text = text[taken:]
            self._at += taken
            self.left -= taken
            if self.left < 0:
                raise Invalid("archive.limits", cap="list")
            yield ids
        self._opening, self._held = b"[", text

    def read(self, size: int) -> bytes:
        """Return the next bite; nothing at the end."""
        if size <= 0:
            return b""
        if self._opening:
            opening, self._opening = self._opening, b""
            return opening
        number, start = divmod(self._at, _BITE_BYTES)
        wanted = _BITE_BYTES - start
        text = b"".join([self._held, *_up_to(wanted - len(self._held), self._pieces)])
        bite, self._held = text[:wanted], text[wanted:]
        self.left -= len(bite)
        if self.left < 0:
            raise Invalid("archive.limits", cap="list")
        arrays = bite.count(b"[", 0 if self._at else 1)
        if bite and (number - self._row_bite > _MOST_BITES or arrays > _MOST_ARRAYS_IN_A_BITE):
            raise Invalid("archive.corrupt_file", file=self.path)
        self._at += len(bite)
        return bite

    def row_ended(self) -> None:
        """Note that a row ended in the last bite."""
        self._row_bite = (self._at - 1) // _BITE_BYTES


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
            feed.row_ended()
            yield item
    except (ijson.JSONError, ValueError, ArithmeticError):
        raise Invalid("archive.corrupt_file", file=feed.path) from None
