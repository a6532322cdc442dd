"""One archive: which of those given, whose it is, its lists, and what the person should know.

Told what to look for by an `ArchiveFormat`; pure of any database. What cannot be read is an
`Invalid` with its reason, never an empty list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime

from openportability.archives import reader
from openportability.archives.gather import Gathered, Readable, Root, Upload, gather
from openportability.archives.names import Names, Use
from openportability.archives.reader import ReadFile
from openportability.archives.rules import Caps, Owner
from openportability.archives.text import Manifest, read_manifest, shown
from openportability.domain import Kind
from openportability.errors import Invalid
from openportability.graph.codec import Keys
from openportability.network import ArchiveFormat


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something the person should know, though the archive could be read."""

    code: str
    detail: Mapping[str, str | int]


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What was read."""

    #: By the archive's own words; None for lists without the file that says it.
    owner: Owner | None
    #: When the network made it, if it says so.
    generated_at: datetime | None
    #: Sorted, distinct ids; a kind is absent where the archive has no such file.
    lists: Mapping[Kind, Keys]
    files: Sequence[ReadFile]
    warnings: Sequence[Notice]
    #: Files in it that were left alone.
    ignored: int


def read(
    form: ArchiveFormat,
    uploads: Sequence[Upload],
    *,
    also: AbstractSet[Kind],
    caps: Caps,
    check: Callable[[Owner | None], object] = lambda _: None,
) -> Archive:
    """Read an archive. `check` sees the owner before any list is read, and refuses by raising."""
    names = Names(form, also)
    found = gather(uploads, names, caps)
    reading = _Reading(form, names, caps)
    chosen, others = reading.choose(found)
    owner = reading.owner(chosen) or reading.owner(others)
    check(owner)
    dates = [manifest.generated_at for manifest in reading.manifests_of(chosen)]
    lists, files = reading.lists(chosen)
    if found.rebuilt:
        reading.warn("archive.directory_rebuilt")
    return Archive(
        owner=owner,
        generated_at=min((date for date in dates if date is not None), default=None),
        lists=lists,
        files=files,
        warnings=reading.warnings,
        ignored=found.ignored,
    )


class _Reading:
    """One archive being read; collects what the person should know."""

    def __init__(self, form: ArchiveFormat, names: Names, caps: Caps) -> None:
        self._form = form
        self._names = names
        self._caps = caps
        self._manifests: dict[str, Manifest | None] = {}
        self.warnings: list[Notice] = []

    def warn(self, code: str, **detail: str | int) -> None:
        self.warnings.append(Notice(code=code, detail=detail))

    # --- which archive ---

    def choose(self, found: Gathered) -> tuple[list[Root], list[Root]]:
        """Return the archive to read (or the two that make one), and those without a list."""
        roots = list(found.roots.values())
        full = [root for root in roots if self._kinds(root)]
        bare = [root for root in roots if not self._kinds(root)]
        if not full:
            raise Invalid(_nothing(found, bare))
        if len(full) == 1 or (len(full) == 2 and not self._kinds(full[0]) & self._kinds(full[1])):
            return full, bare
        newest = max(full, key=lambda root: (self._date(root), root.name))
        date = self._date(newest)
        day = date.date().isoformat() if date.year > 1 else shown(newest.name)
        self.warn("archive.several", date=day, count=len(full))
        return [newest], bare

    def _kinds(self, root: Root) -> set[Kind]:
        """The kinds without which an archive is of no use, of those that this one has."""
        entries = (self._names.lists.get(file.place.stem) for file in root.files)
        return {entry.kind for entry in entries if entry is not None and not entry.opt_in}

    def _date(self, root: Root) -> datetime:
        manifest = self._manifest(root)
        known = manifest.generated_at if manifest else None
        return known or datetime.min.replace(tzinfo=UTC)

    def manifests_of(self, roots: Sequence[Root]) -> list[Manifest]:
        return [manifest for root in roots if (manifest := self._manifest(root)) is not None]

    def _manifest(self, root: Root) -> Manifest | None:
        if root.name not in self._manifests:
            self._manifests[root.name] = None
            for file in _files_of(root, self._form.manifest_stem)[:1]:
                self._manifests[root.name] = self._read_manifest(file)
        return self._manifests[root.name]

    def _read_manifest(self, file: Readable) -> Manifest | None:
        path = file.place.path
        try:
            manifest = read_manifest(
                file.pieces(), self._caps, owner_id_field=self._form.owner_id_field, file=path
            )
        except Invalid as error:
            self._forgive(error, path)
            return None
        if manifest.partial:
            self.warn("archive.partial")
        return manifest

    def _forgive(self, error: Invalid, path: str) -> None:
        """Go on without a file that only tells more about the lists."""
        if error.code not in {"archive.corrupt_file", "archive.wrong_list"}:
            raise error
        self.warn("archive.corrupt_file", file=path)

    # --- whose ---

    def owner(self, roots: Sequence[Root]) -> Owner | None:
        """Return whose archive it says it is; all that speak of it must agree."""
        said: list[Owner] = []
        for root in roots:
            for file in _files_of(root, self._form.owner_stem):
                said += self._owners_in(file)
        for manifest in self.manifests_of(roots):
            actor = reader.actor_id(manifest.owner_id)
            if actor is not None:
                said.append(Owner(id=actor, handle=manifest.owner_handle))
        if len({owner.id for owner in said}) > 1:
            raise Invalid("archive.inconsistent")
        return next((owner for owner in said if owner.handle), said[0] if said else None)

    def _owners_in(self, file: Readable) -> list[Owner]:
        try:
            return reader.read_owners(self._form, file, self._caps)
        except Invalid as error:
            self._forgive(error, file.place.path)
            return []

    # --- the lists ---

    def lists(self, roots: Sequence[Root]) -> tuple[Mapping[Kind, Keys], Sequence[ReadFile]]:
        lists: dict[Kind, Keys] = {}
        files: list[ReadFile] = []
        for stem, entry in self._names.lists.items():
            parts = [file for root in roots for file in _files_of(root, stem)]
            if parts:
                lists[entry.kind], read_files = reader.read_list(
                    self._form, entry, parts, self._caps
                )
                self._compare(stem, roots, read_files)
                files += read_files
            elif not entry.opt_in:
                self.warn("archive.missing_list", file=stem)
        return lists, files

    def _compare(self, stem: str, roots: Sequence[Root], files: Sequence[ReadFile]) -> None:
        for file in files:
            if file.skipped:
                self.warn("archive.skipped_rows", file=file.file, count=file.skipped)
        key = stem.replace("-", "")
        said = [each.lists[key] for each in self.manifests_of(roots) if key in each.lists]
        if not said:
            return
        expected, count = said[0], sum(file.count for file in files)
        if len(files) < expected.files:
            self.warn("archive.part_missing", file=stem, expected=expected.files, count=len(files))
        elif expected.rows is not None and expected.rows != count:
            self.warn("archive.count_mismatch", file=stem, expected=expected.rows, count=count)


def _files_of(root: Root, stem: str) -> list[Readable]:
    """The parts of one file, in order."""
    files = [file for file in root.files if file.place.stem == stem]
    return sorted(files, key=lambda file: (file.place.part, file.place.path))


def _nothing(found: Gathered, bare: Sequence[Root]) -> str:
    """Say what that was, which had no list in it."""
    if found.seen[Use.CLASSIC]:
        return "archive.classic"
    if found.seen[Use.KNOWN] or bare:
        return "archive.no_lists"
    return "archive.not_archive" if found.zipped else "archive.not_zip"
