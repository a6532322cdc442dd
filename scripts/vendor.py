"""The files of others that we serve, as published, listed with their SHA-256.

`python -m scripts.vendor` checks them; `python -m scripts.vendor fetch` gets them again with npm.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scripts.tree import ROOT, report

VENDOR = ROOT / "src/openportability/web/static/vendor"


@dataclass(frozen=True, kw_only=True)
class Vendored:
    """One file of a package."""

    #: Name and version, as npm writes them.
    package: str
    #: Where it stands in the package.
    published: str
    sha256: str

    @property
    def place(self) -> str:
        """Where we keep it: the folder that packages put built files in is left out."""
        inside = PurePosixPath(self.published)
        return (
            f"{self.package}/{inside.relative_to('dist') if inside.parts[0] == 'dist' else inside}"
        )


FILES = (
    Vendored(
        package="htmx.org@4.0.1",
        published="dist/htmx.esm.min.js",
        sha256="df982506d1529a193f6073f568ec821d4ae8db761bdb0ef07bd6a3d5eace0b2e",
    ),
    Vendored(
        package="htmx.org@4.0.1",
        published="dist/ext/hx-sse.min.js",
        sha256="18ef2761356ec1fe0bb6d92612315b37517a7c1e9856b661c5ae81fef239d103",
    ),
    Vendored(
        package="htmx.org@4.0.1",
        published="LICENSE",
        sha256="d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    ),
)


def main(arguments: list[str]) -> int:
    """Check, or fetch and then check."""
    if arguments == ["fetch"]:
        for package in sorted({file.package for file in FILES}):
            fetch(package)
    return report(list(complaints(VENDOR)))


def complaints(folder: Path) -> Iterator[str]:
    """Yield each file that is missing, changed, or listed nowhere."""
    listed = {file.place: file.sha256 for file in FILES}
    there = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    for place in sorted(listed.keys() | there.keys()):
        if place not in there:
            yield f"{place}: missing; python -m scripts.vendor fetch"
        elif place not in listed:
            yield f"{place}: not listed in scripts/vendor.py"
        elif listed[place] != there[place]:
            yield f"{place}: is not as published; python -m scripts.vendor fetch"


def fetch(package: str) -> None:
    """Take the files of one package out of what npm has."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, package]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (packed,) = Path(folder).glob("*.tgz")
        with tarfile.open(packed) as archive:
            for file in (file for file in FILES if file.package == package):
                content = archive.extractfile(f"package/{file.published}")
                if content is None:
                    raise FileNotFoundError(file.published)
                place = VENDOR / file.place
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content.read())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
