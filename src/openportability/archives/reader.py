"""List files → sorted ids: incremental JSON, wrappers, ids, links, parts.

Told what to look for by an `ArchiveFormat`. Constant memory for parsing, 8 bytes an id for the
result.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from openportability.archives.feed import Feed, items
from openportability.archives.gather import Readable
from openportability.archives.plain import PlainRows
from openportability.archives.rules import Caps, Owner
from openportability.archives.text import shown
from openportability.domain import ActorId, Kind
from openportability.errors import Invalid
from openportability.graph.codec import Keys
from openportability.graph.probe import held
from openportability.network import ArchiveFormat, ListEntry

#: Ids written into a checksum at once.
_SOME = 1 << 14

_ID = re.compile(r"[1-9][0-9]{0,19}")
_MOST_ID = 2**64 - 1
#: Digits of which any number is an id.
_SHORT_ID = 19
#: Above, a JSON number was already rounded by whoever wrote it.
_MOST_EXACT = 2**53 - 1


@dataclass(frozen=True, kw_only=True)
class ReadFile:
    """One file of a list, and what it gave."""

    file: str
    kind: Kind
    #: All its rows.
    count: int
    #: Ids that were there before, in this file or in an earlier one.
    duplicates: int
    #: Rows without a usable id.
    skipped: int


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is new in a list, gone from it, and as before."""

    added: int
    removed: int
    unchanged: int


def read_list(
    form: ArchiveFormat, entry: ListEntry, parts: Sequence[Readable], caps: Caps
) -> tuple[Keys, list[ReadFile]]:
    """Return the ids of a list from all its parts, and what each part gave."""
    ids = array("Q")
    bytes_left, rows_left = caps.list_bytes, caps.rows
    sieves: list[_Sieve] = []
    ends: list[int] = []
    for part in parts:
        feed = Feed(part, bytes_left)
        sieve = _Sieve(form, entry.wrapper, caps, ids)
        sieve.take_all(feed, rows_left)
        bytes_left, rows_left = feed.left, rows_left - sieve.count
        sieves.append(sieve)
        ends.append(len(ids))
    keys, fresh = _merged(np.array(ids, np.uint64), ends)
    files = [
        ReadFile(
            file=part.place.path,
            kind=entry.kind,
            count=sieve.count,
            duplicates=sieve.count - sieve.skipped - new,
            skipped=sieve.skipped,
        )
        for part, sieve, new in zip(parts, sieves, fresh, strict=True)
    ]
    return keys, files


def _merged(ids: Keys, ends: Sequence[int]) -> tuple[Keys, Sequence[int]]:
    """Return the distinct ids in order, and how many each part was the first to give."""
    if len(ends) == 1:
        # Nearly always, and then there is no need to know which came first.
        ordered = np.sort(ids)
        keys = ordered[np.append(np.ones(min(1, ids.size), np.bool_), ordered[1:] != ordered[:-1])]
        return keys, [keys.size]
    keys, firsts = np.unique(ids, return_index=True)
    fresh: list[int] = np.diff(np.searchsorted(np.sort(firsts), [0, *ends])).tolist()
    return keys, fresh


def read_owners(form: ArchiveFormat, file: Readable, caps: Caps) -> list[Owner]:
    """Return whose archive it is, by the file that says so."""
    owners = []
    for item in items(Feed(file, caps.manifest_bytes)):
        row = item.get(form.owner_wrapper, item) if isinstance(item, dict) else None
        actor = actor_id(row.get(form.owner_id_field)) if isinstance(row, dict) else None
        if isinstance(row, dict) and actor is not None:
            owners.append(Owner(id=actor, handle=shown(row.get(form.owner_handle_field))))
    if not owners:
        raise Invalid("archive.corrupt_file", file=file.place.path)
    return owners


def actor_id(value: object) -> ActorId | None:
    """Return an id in its one spelling, or None for anything else."""
    try:
        number = _number(value)
    except _Rounded:
        return None
    return None if number is None else ActorId(str(number))


def changes(before: Keys | None, after: Keys) -> Changes:
    """Compare a list with the one it replaces."""
    if before is None:
        return Changes(added=after.size, removed=0, unchanged=0)
    kept = int(np.count_nonzero(held(before, after)))
    return Changes(added=after.size - kept, removed=before.size - kept, unchanged=kept)


def checksum(keys: Keys) -> str:
    """Return the SHA-256 of a list in its reference form: decimal, one a line, sorted."""
    digest = hashlib.sha256()
    for start in range(0, keys.size, _SOME):
        # As a whole list is written: a text for each id alone would take twice as long.
        some = str(keys[start : start + _SOME].tolist())
        digest.update(some[1:-1].replace(", ", "\n").encode() + b"\n")
    return digest.hexdigest()


class _Sieve:
    """Takes the rows of one file and keeps their ids."""

    def __init__(self, form: ArchiveFormat, wrapper: str, caps: Caps, ids: array[int]) -> None:
        self._form = form
        self._wrapper = wrapper
        self._caps = caps
        self._id_field, self._link_field = form.id_field, form.link_field
        #: No letter has more than four bytes; the rest of a row is for the names.
        self._longest_link = caps.row_bytes // 5 - 1
        self._rows = PlainRows(form, wrapper, self._longest_link)
        self._ids = ids
        self._link = re.compile(
            f"https://(?:{'|'.join(map(re.escape, sorted(form.link_hosts)))})"
            rf"{re.escape(form.link_path)}\?([!\"$-~]*)"
        )
        self.count = self.skipped = self._right = self._wrong = 0

    def take_all(self, feed: Feed, most_rows: int) -> None:
        """Take every row. Raise `Invalid` for a file that is not what its name says."""
        for ids in feed.plain(self._rows):
            self._count(len(ids), most_rows)
            self._right += len(ids)
            self._ids.extend(map(int, ids))
        append, rounded = self._ids.append, False
        for item in items(feed):
            self._count(1, most_rows)
            if plain := self._plain(item):
                append(plain)
                continue
            try:
                number = self._take(item)
            except _Rounded:
                rounded, number = True, None
            if number is None:
                self.skipped += 1
            else:
                append(number)
        # Told last, for a file that is damaged as well is damaged.
        if rounded:
            raise Invalid("archive.rounded_ids", file=feed.path)
        if self._wrong * 2 > self.count:
            raise Invalid("archive.wrong_list", file=feed.path)
        if self.count and not self._right:
            raise Invalid("archive.corrupt_file", file=feed.path)

    def _count(self, rows: int, most_rows: int) -> None:
        self.count += rows
        if self.count > most_rows:
            raise Invalid("archive.limits", cap="rows")

    def _plain(self, item: Any) -> int:
        """Return the id of a row that is plain but for how it is written; 0 for one to look at closer."""
        try:
            row = item[self._wrapper]
            text = row[self._id_field]
        except (TypeError, KeyError):
            return 0
        if len(item) > 1 or type(text) is not str or len(text) > _SHORT_ID:
            return 0
        if len(row) > 1:
            link = row.get(self._link_field)
            if len(row) > 2 or type(link) is not str or len(link) > self._longest_link:
                return 0
        if not (text.isascii() and text.isdigit()) or text[0] == "0":
            return 0
        self._right += 1
        return int(text)

    def _take(self, item: object) -> int | None:
        if not isinstance(item, dict):
            return None
        form = self._form
        row = item.get(self._wrapper)
        if not isinstance(row, dict):
            if form.id_field not in item and form.link_field not in item:
                self._wrong += len(item) == 1 and isinstance(next(iter(item.values())), dict)
                return None
            # Archives of before 2020 have no wrapper.
            row = item
        self._right += 1
        if _weight(item) > self._caps.row_bytes:
            return None
        if form.id_field in row:
            return _number(row[form.id_field])
        return self._linked(row.get(form.link_field))

    def _linked(self, link: object) -> int | None:
        """Return the id in a link to someone's page. What the link is otherwise is never used."""
        found = self._link.fullmatch(link) if isinstance(link, str) else None
        if found is None:
            return None
        pairs = [pair.partition("=") for pair in found[1].split("&")]
        values = [value for name, _, value in pairs if name == self._form.link_parameter]
        return _number(values[0]) if len(values) == 1 else None


class _Rounded(Exception):
    """A number that is no longer the one it was."""


def _number(value: object) -> int | None:
    if isinstance(value, str):
        number = int(value) if _ID.fullmatch(value) else 0
        return number if 0 < number <= _MOST_ID else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if value > _MOST_EXACT:
        raise _Rounded
    return int(value) if value >= 1 and value == int(value) else None


def _weight(item: object) -> int:
    """Return the bytes of all texts in a row."""
    weight, left = 0, [item]
    while left:
        match left.pop():
            case str(text):
                weight += len(text.encode())
            case dict(row):
                left += [*row.keys(), *row.values()]
            case list(rows):
                left += rows
    return weight
