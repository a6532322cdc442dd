"""Who holds a key, without opening every list: one sealed file, derived from all lists and never trusted.

It holds users by the keys in their lists, cut into small pages by a hash of the key, so a question reads one page for
each key. It may be older than the lists: whoever asks reads newer lists themselves, and asks the list of today before a
hit counts for anything. A file that is damaged, or of another key, version or place, is as good as none.

Form 1: the pages, one after the other; the table of where each begins; the head; the head's length (4 bytes
little-endian); the form's name. The head is sealed under the instance's key, and holds the key of all else. A page: how
many keys (4 bytes), their hashes (8 each) in order, where the users of each end (4 each), and these users (4 each).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from openportability.graph.codec import Keys
from openportability.vault import PersonalKey, Unreadable, Vault

Owners = NDArray[np.uint32]
Places = NDArray[np.intp]

NAME = b"OPSEGM01"
TAIL = struct.Struct("<I8s")
#: Its mark, newest list, number of links, bits of a page's number, key.
HEAD = struct.Struct("<QQQB32s")
PAGE = struct.Struct("<I")
HEAD_PLACE, TABLE_PLACE = "segment:head", "segment:table"
#: Knuth's multiplicative hash; odd, so no two keys share one.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, kw_only=True)
class Head:
    """Of which lists a segment was made."""

    #: By chance, and noted in the database: one that was put back from a copy does not know this file.
    mark: int
    #: The newest list in it: those with higher sequence numbers are to be asked themselves.
    lists: int
    links: int


def hashed(keys: Keys) -> Keys:
    """Return what stands for keys in a segment."""
    return keys * _GOLDEN


def pages_of(hashes: Keys, bits: int) -> Places:
    """Return in which pages hashes stand."""
    return (hashes >> np.uint64(64 - bits)).astype(np.intp)


def page_place(number: int) -> str:
    """Return what a page is sealed for."""
    return f"segment:page:{number}"


class Segment:
    """An open file. Safe to share between threads."""

    def __init__(self, file: IO[bytes], vault: Vault) -> None:
        """Take a file over; raise `Unreadable` for what is none."""
        self._file = -1
        with file:
            self._file = os.dup(file.fileno())
        try:
            self._size = os.fstat(self._file).st_size
            head_at, packed = self._head(vault)
            self.head = Head(mark=packed[0], lists=packed[1], links=packed[2])
            self._bits, self._key = packed[3], PersonalKey(packed[4])
            self._starts = self._table(head_at)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __del__(self) -> None:
        self.close()

    def holders(self, keys: Keys) -> tuple[Places, Owners]:
        """Return positions in `keys`, and beside each a user whose list held that key.

        Raise `Unreadable` where a page is damaged.
        """
        hashes = hashed(keys)
        pages = pages_of(hashes, self._bits)
        at: list[Places] = [np.empty(0, np.intp)]
        users: list[Owners] = [np.empty(0, np.uint32)]
        for asked in _together(pages):
            here, ends, owners = self._page(int(pages[asked[0]]))
            found = np.searchsorted(here, hashes[asked])
            for position, place in zip(asked.tolist(), found.tolist(), strict=True):
                if place < here.size and here[place] == hashes[position]:
                    theirs = owners[ends[place - 1] if place else 0 : ends[place]]
                    at.append(np.full(theirs.size, position, np.intp))
                    users.append(theirs)
        return np.concatenate(at), np.concatenate(users)

    def _page(self, number: int) -> tuple[Keys, Owners, Owners]:
        start, end = int(self._starts[number]), int(self._starts[number + 1])
        if start == end:
            return np.empty(0, np.uint64), np.empty(0, np.uint32), np.empty(0, np.uint32)
        plain = self._key.open(os.pread(self._file, end - start, start), page_place(number))
        (count,) = PAGE.unpack_from(plain)
        hashes = np.frombuffer(plain, "<u8", count, PAGE.size)
        rest = np.frombuffer(plain, "<u4", offset=PAGE.size + 8 * count)
        return hashes, rest[:count], rest[count:]

    def _head(self, vault: Vault) -> tuple[int, tuple[int, int, int, int, bytes]]:
        tail_at = self._size - TAIL.size
        if tail_at < 0:
            raise Unreadable
        length, name = TAIL.unpack(os.pread(self._file, TAIL.size, tail_at))
        if name != NAME or length > tail_at:
            raise Unreadable
        head_at = tail_at - length
        plain = vault.open(os.pread(self._file, length, head_at), HEAD_PLACE)
        return head_at, HEAD.unpack(plain)

    def _table(self, head_at: int) -> Keys:
        count = (1 << self._bits) + 1
        start = head_at - PersonalKey.GROWS - count * 8
        if start < 0:
            raise Unreadable
        plain = self._key.open(os.pread(self._file, head_at - start, start), TABLE_PLACE)
        return np.frombuffer(plain, "<u8")


def _together(pages: Places) -> Iterator[Places]:
    """Yield which positions share a page, page by page."""
    order = np.argsort(pages, kind="stable")
    cuts = np.flatnonzero(np.diff(pages[order])) + 1
    yield from (some for some in np.split(order, cuts) if some.size)
