"""What a person brought → the files to be read: zips, a zip in a zip, files chosen by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

from openportability.archives import zip as zips
from openportability.archives.entries import Batch, Entry
from openportability.archives.names import Names, Place, Use
from openportability.archives.rules import Caps
from openportability.errors import Invalid

_PIECE_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One file that a person chose."""

    name: str
    file: BinaryIO


@dataclass(frozen=True, kw_only=True)
class Readable:
    """One file to be read."""

    place: Place
    pieces: Callable[[], Iterator[bytes]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Root:
    """The files of one archive. The name puts archives without a date in order."""

    name: str
    files: list[Readable] = field(default_factory=list)


@dataclass(kw_only=True)
class Gathered:
    """All that was found, before anything of it was read."""

    roots: dict[tuple[int, str], Root] = field(default_factory=dict)
    seen: Counter[Use] = field(default_factory=Counter)
    #: True when the directory of a zip had to be made again.
    rebuilt: bool = False
    #: True when at least one zip could be opened.
    zipped: bool = False

    def add(self, key: tuple[int, str], name: str, file: Readable, caps: Caps) -> None:
        self.roots.setdefault(key, Root(name=name)).files.append(file)
        if sum(len(root.files) for root in self.roots.values()) > caps.files:
            raise Invalid("archive.limits", cap="files")

    @property
    def ignored(self) -> int:
        """How many files were left alone."""
        return sum(self.seen.values()) - self.seen[Use.LITTER] - self.seen[Use.READ]


def gather(uploads: Sequence[Upload], names: Names, caps: Caps) -> Gathered:
    """Find what is to be read. Raise `Invalid` for a zip that cannot be opened or is unsafe."""
    found = Gathered()
    for number, upload in enumerate(uploads):
        place = names.loose(upload.name)
        if place.use is Use.READ:
            found.seen[place.use] += 1
            pieces = partial(_pieces, upload.file)
            # Files chosen by hand belong together, whichever way they came.
            found.add((-1, ""), "", Readable(place=place, pieces=pieces), caps)
        elif place.use is Use.KNOWN:
            found.seen[place.use] += 1
        else:
            _open(found, number, upload, names, caps, may_ignore=len(uploads) > 1)
    return found


def _open(
    found: Gathered, number: int, upload: Upload, names: Names, caps: Caps, *, may_ignore: bool
) -> None:
    place = names.loose(upload.name)
    try:
        _zip(found, number, upload, names, caps, nested=False)
    except Invalid as error:
        # One of several that neither is a zip nor says so was chosen along with the others.
        if error.code != "archive.not_zip" or place.use is Use.ZIP or not may_ignore:
            raise
        found.seen[place.use] += 1


@dataclass(kw_only=True)
class _Sorted:
    """The entries of one zip."""

    places: list[Place] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    seen: Counter[Use] = field(default_factory=Counter)


def _zip(
    found: Gathered, number: int, upload: Upload, names: Names, caps: Caps, *, nested: bool
) -> None:
    def sort(batches: Iterator[Batch]) -> _Sorted:
        return _sort(batches, names, caps)

    def kept(each: _Sorted) -> Sequence[Entry]:
        return each.entries

    sort_of, entries, rebuilt = zips.browse(upload.file, caps, names.is_other, sort, kept)
    found.rebuilt |= rebuilt
    found.zipped = True
    seen = sort_of.seen
    if not nested and seen[Use.ZIP] == seen.total() - seen[Use.LITTER] == 1:
        inner = zips.inside(upload.file, entries[0], caps)
        _zip(found, number, Upload(name=upload.name, file=inner), names, caps, nested=True)
        return
    found.seen.update(seen)
    for place, entry in zip(sort_of.places, entries, strict=True):
        if place.use is Use.READ:
            pieces = partial(zips.read, upload.file, entry, caps)
            name = f"{upload.name.lower()}/{place.root}"
            found.add((number, place.root), name, Readable(place=place, pieces=pieces), caps)


def _sort(batches: Iterator[Batch], names: Names, caps: Caps) -> _Sorted:
    result = _Sorted()
    for batch in batches:
        result.seen[Use.OTHER] += batch.others
        for entry in batch.entries:
            _take(result, names.place(entry.name), entry, caps)
    return result


def _take(result: _Sorted, place: Place, entry: Entry, caps: Caps) -> None:
    result.seen[place.use] += 1
    # One zip is kept in case there is nothing else.
    if place.use is Use.READ or (place.use is Use.ZIP and result.seen[Use.ZIP] == 1):
        result.places.append(place)
        result.entries.append(entry)
        if len(result.entries) > caps.files:
            raise Invalid("archive.limits", cap="files")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    at = 0
    while True:
        file.seek(at)
        piece = file.read(_PIECE_BYTES)
        if not piece:
            return
        at += len(piece)
        yield piece
