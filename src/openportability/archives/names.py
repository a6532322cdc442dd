"""What a path in an archive is: read, known by name alone, or none of our business."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from openportability.domain import Kind
from openportability.errors import Invalid
from openportability.network import ArchiveFormat, ListEntry

#: A part's number, of at most six digits: none is the first.
_PART = r"(?:[-_]part([0-9]{1,6})|_([0-9]{1,6}))?\.(?:js|json)"
_PLACE = re.compile(r"(?:([^/]+)/)??(?:data/)?([^/]+)")
_DRIVE = re.compile(r"[a-z]:")
#: A path without anything odd, of whose kind nothing is of use. No way through it is tried twice.
_LETTERS = r"[^/\\.:\x00-\x1f]"
_STEP = rf"(?!_){_LETTERS}++(?:\.{_LETTERS}++)*+"
_OTHER = rf"(?:{_STEP}/)*+{_STEP}(?<!(?i:\.js))(?<!(?i:\.json))(?<!(?i:\.zip))"


class Use(StrEnum):
    """What is done with a file."""

    READ = "read"
    ZIP = "zip"  # another zip: opened if there is nothing else
    KNOWN = "known"  # shows that this is an archive; never opened
    CLASSIC = "classic"  # shows that this is an old archive; never opened
    OTHER = "other"
    LITTER = "litter"  # directories and what computers leave behind: not even counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What one path is. `root` is the folder around the archive, empty if there is none."""

    use: Use
    path: str
    root: str = ""
    stem: str = ""
    part: int = 0


class Names:
    """Sorts paths by the format of a network's archives."""

    def __init__(self, form: ArchiveFormat, also: AbstractSet[Kind]) -> None:
        self.lists: dict[str, ListEntry] = {
            entry.stem: entry for entry in form.lists if not entry.opt_in or entry.kind in also
        }
        self._read = _files({*self.lists, form.owner_stem, form.manifest_stem})
        self._known = _files(form.known_stems | {entry.stem for entry in form.lists})
        self._classic = [re.compile(pattern) for pattern in form.classic]
        unless = "".join(f"(?!(?i:{pattern}))" for pattern in form.classic)
        self._other = re.compile(f"{unless}{_OTHER}".encode())

    def is_other(self, raw_name: bytes) -> bool:
        """True for most of what `place` calls `OTHER`, and nothing else: a glance, for there may be millions."""
        return self._other.fullmatch(raw_name) is not None

    def place(self, name: str) -> Place:
        """Say what a path is. Raise `Invalid` for one that leads out of the archive."""
        path = _normal(name)
        parts = path.split("/")
        if ".." in parts or path.startswith("/") or _DRIVE.match(path):
            raise Invalid("archive.unsafe_path")
        last = parts[-1]
        if not last or "__macosx" in parts or last.startswith("._") or last == ".ds_store":
            return Place(use=Use.LITTER, path=path)
        placed = _PLACE.fullmatch(path)
        if placed is not None:
            root, file = placed[1] or "", placed[2]
            if found := self._read.fullmatch(file):
                part = int(found[2] or found[3] or 0)
                return Place(use=Use.READ, path=path, root=root, stem=found[1], part=part)
            if self._known.fullmatch(file):
                return Place(use=Use.KNOWN, path=path)
        if any(pattern.match(path) for pattern in self._classic):
            return Place(use=Use.CLASSIC, path=path)
        return Place(use=Use.ZIP if last.endswith(".zip") else Use.OTHER, path=path)

    def loose(self, name: str) -> Place:
        """Say what a file chosen by hand is: the folders it came from do not matter."""
        return self.place(_normal(name).rpartition("/")[2])


def _files(stems: Iterable[str]) -> re.Pattern[str]:
    return re.compile(f"({'|'.join(map(re.escape, sorted(stems)))}){_PART}")


def _normal(name: str) -> str:
    """Return the one spelling of a path, for comparing."""
    path = name.replace("\\", "/").lower()
    while path.startswith("./"):
        path = path[2:]
    return path
