"""Making a segment out of all lists: one pass, in memory that does not grow with the number of links.

Links are sorted some millions at a time and laid aside, sealed under the new segment's key, in parts by their hash;
then part after part is put together and cut into pages. What a killed build leaves is noise: its key is gone.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from openportability.graph.codec import Keys
from openportability.graph.segment import (
    HEAD,
    HEAD_PLACE,
    NAME,
    PAGE,
    TABLE_PLACE,
    TAIL,
    Head,
    Owners,
    hashed,
    page_place,
    pages_of,
)
from openportability.keyring import KEY_BYTES
from openportability.vault import PersonalKey, Vault

#: Links that are sorted at once (some 100 MB), and how many of them a part shall hold.
_SORTED_LINKS = 2_000_000
_PART_LINKS = 3_000_000
#: Links of a page: some 6 kB, so opening it costs little more than finding it.
_PAGE_LINKS = 700
#: A user's number takes four bytes here.
MOST_USERS = 2**32 - 1

Links = tuple[Keys, Owners]


def write(
    file: IO[bytes], vault: Vault, head: Head, lists: Iterable[tuple[int, Keys]], *, aside: Path
) -> None:
    """Write a segment of all lists, each with its user; what is laid aside meanwhile lies in a folder.

    Raise `ValueError` for a user whose number is too large.
    """
    bits = max(1, (head.links // _PAGE_LINKS).bit_length())
    own = secrets.token_bytes(KEY_BYTES)
    with tempfile.TemporaryFile(dir=aside) as runs:
        parts = _Parts(runs, PersonalKey(own), min(bits, (head.links // _PART_LINKS).bit_length()))
        for some in _sorted(lists):
            parts.add(some)
        starts = _write_pages(file, PersonalKey(own), parts, bits)
        file.write(PersonalKey(own).seal(starts.tobytes(), TABLE_PLACE))
        plain = HEAD.pack(head.mark, head.lists, head.links, bits, own)
        sealed = vault.seal(plain, HEAD_PLACE)
        file.write(sealed + TAIL.pack(len(sealed), NAME))


class _Parts:
    """Sorted runs of links, laid aside by the highest bits of their hashes."""

    def __init__(self, aside: IO[bytes], key: PersonalKey, bits: int) -> None:
        self._aside, self._key, self._bits = aside, key, bits
        #: Of each part: where its runs lie.
        self._runs: list[list[tuple[int, int]]] = [[] for _ in range(1 << bits)]

    def add(self, links: Links) -> None:
        """Lay sorted links aside."""
        hashes, owners = links
        first = np.arange(1, 1 << self._bits, dtype=np.uint64) << np.uint64(64 - self._bits or 63)
        cuts = [0, *np.searchsorted(hashes, first).tolist(), hashes.size]
        for part, runs in enumerate(self._runs):
            some = slice(cuts[part], cuts[part + 1])
            plain = hashes[some].astype("<u8").tobytes() + owners[some].astype("<u4").tobytes()
            sealed = self._key.seal(plain, f"segment:run:{part}:{len(runs)}")
            runs.append((self._aside.tell(), len(sealed)))
            self._aside.write(sealed)

    def __iter__(self) -> Iterator[Links]:
        """Put each part together, in the order of hashes."""
        for part, runs in enumerate(self._runs):
            read = [self._read(f"segment:run:{part}:{n}", *run) for n, run in enumerate(runs)]
            if read:
                yield _ordered(
                    np.concatenate([hashes for hashes, _ in read]),
                    np.concatenate([owners for _, owners in read]),
                )

    def _read(self, place: str, start: int, length: int) -> Links:
        self._aside.seek(start)
        plain = self._key.open(self._aside.read(length), place)
        count = len(plain) // 12
        return np.frombuffer(plain, "<u8", count), np.frombuffer(plain, "<u4", offset=8 * count)


def _sorted(lists: Iterable[tuple[int, Keys]]) -> Iterator[Links]:
    """Yield all links in sorted runs."""
    some: list[tuple[int, Keys]] = []
    count = 0
    for user, keys in lists:
        if user > MOST_USERS:
            raise ValueError(f"segments hold users up to {MOST_USERS}")
        some.append((user, keys))
        count += keys.size
        if count >= _SORTED_LINKS:
            yield _run(some)
            some, count = [], 0
    if some:
        yield _run(some)


def _run(lists: list[tuple[int, Keys]]) -> Links:
    sizes = [keys.size for _, keys in lists]
    owners = np.repeat(np.array([user for user, _ in lists], np.uint32), sizes)
    hashes, owners = _ordered(hashed(np.concatenate([keys for _, keys in lists])), owners)
    # The two lists of a person come one after the other: whom both hold stands here once.
    new = np.ones(hashes.size, np.bool_)
    new[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
    return hashes[new], owners[new]


def _ordered(hashes: Keys, owners: Owners) -> Links:
    order = np.argsort(hashes, kind="stable")
    return hashes[order], owners[order]


def _write_pages(
    file: IO[bytes], key: PersonalKey, parts: Iterable[Links], bits: int
) -> NDArray[np.uint64]:
    """Write the pages; return where each begins, and where the last one ends."""
    starts = np.zeros((1 << bits) + 1, "<u8")
    for hashes, owners in parts:
        pages = pages_of(hashes, bits)
        cuts = [0, *(np.flatnonzero(np.diff(pages)) + 1).tolist(), hashes.size]
        for first, last in pairwise(cuts):
            if first < last:
                number = int(pages[first])
                page = _page(hashes[first:last], owners[first:last])
                sealed = key.seal(page, page_place(number))
                file.write(sealed)
                starts[number + 1] = len(sealed)
    return np.cumsum(starts, dtype="<u8")


def _page(hashes: Keys, owners: Owners) -> bytes:
    ends = np.append(np.flatnonzero(hashes[1:] != hashes[:-1]) + 1, hashes.size)
    columns = (hashes[ends - 1].astype("<u8"), ends.astype("<u4"), owners.astype("<u4"))
    return PAGE.pack(ends.size) + b"".join(column.tobytes() for column in columns)
