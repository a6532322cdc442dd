"""Exported files of handles, one a line → whom they name. Pure: which id somebody has is asked elsewhere."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import BinaryIO

from openportability.archives.archive import Notice
from openportability.archives.gather import Upload
from openportability.archives.reader import ReadFile
from openportability.archives.rules import Caps
from openportability.domain import ActorId, Kind
from openportability.errors import Invalid
from openportability.network import ListFile, ListFiles

#: A line that reaches this is no line of such a file.
_LINE_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written in some files."""

    #: By kind: each handle in its one spelling, and the id that it mostly has.
    lists: Mapping[Kind, Mapping[str, ActorId]]
    files: Sequence[ReadFile]
    warnings: Sequence[Notice]
    #: Files that were left alone: they hold what was not asked for.
    ignored: int


def read(
    form: ListFiles,
    uploads: Sequence[Upload],
    own_handle: str,
    *,
    also: AbstractSet[Kind],
    caps: Caps,
) -> Written:
    """Read exported files. Raise `Invalid` for one that is none, and when no list is left."""
    lists: dict[Kind, dict[str, ActorId]] = {}
    files: list[ReadFile] = []
    for upload in uploads:
        reading = _File(form, upload, own_handle, caps)
        if reading.file.opt_in and reading.file.kind not in also:
            continue
        files.append(reading.take(lists.setdefault(reading.file.kind, {})))
    if not files:
        raise Invalid("import.not_ticked")
    return Written(
        lists=lists,
        files=files,
        warnings=[
            Notice(code="import.skipped_rows", detail={"file": file.file, "count": file.skipped})
            for file in files
            if file.skipped
        ],
        ignored=len(uploads) - len(files),
    )


class _File:
    """One file being read."""

    def __init__(self, form: ListFiles, upload: Upload, own_handle: str, caps: Caps) -> None:
        self._form = form
        self._name = upload.name
        self._own_handle = own_handle
        self._caps = caps
        self._rows = self._read(upload)
        self._first = next(self._rows, [])
        self.file = self._kind()

    def take(self, into: dict[str, ActorId]) -> ReadFile:
        """Put whom the file names into a list. Raise `Invalid` if most of it is something else."""
        before, skipped, count = len(into), 0, 0
        for cells in self._body():
            count += 1
            if count > self._caps.handles:
                raise Invalid("archive.limits", cap="rows")
            try:
                named = self._form.name(cells[0], self._own_handle)
            except Invalid:
                skipped += 1
                continue
            into.setdefault(named.handle, named.usual_id)
        if count and skipped * 2 >= count:
            raise Invalid("import.unreadable", file=self._name)
        given = len(into) - before
        return ReadFile(
            file=self._name,
            kind=self.file.kind,
            count=count,
            duplicates=count - skipped - given,
            skipped=skipped,
        )

    def _kind(self) -> ListFile:
        """Say which list it is: by its columns, then by its name."""
        for each in self._form.files:
            if each.column and each.column in self._first:
                return each
        last = self._name.replace("\\", "/").rpartition("/")[2].lower()
        for each in self._form.files:
            if last.startswith(each.name):
                return each
        raise Invalid("import.wrong_kind", file=self._name)

    def _body(self) -> Iterator[list[str]]:
        if self._first and self._first[0] != self._form.handle_column:
            yield self._first
        yield from self._rows

    def _read(self, upload: Upload) -> Iterator[list[str]]:
        try:
            for row in csv.reader(self._lines(upload.file)):
                if row:
                    yield [cell.strip() for cell in row]
        except (UnicodeDecodeError, csv.Error):
            raise Invalid("import.unreadable", file=self._name) from None

    def _lines(self, file: BinaryIO) -> Iterator[str]:
        file.seek(0)
        encoding = "utf-8-sig"
        while line := file.readline(_LINE_BYTES):
            if len(line) == _LINE_BYTES:
                raise Invalid("import.unreadable", file=self._name)
            yield line.decode(encoding)
            encoding = "utf-8"
