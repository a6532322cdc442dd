"""What we are made of: every package that the lock files pin, and every file of others that we serve."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

from scripts.tree import ROOT

SERVE, DEVELOP = ROOT / "locks/serve.lock", ROOT / "locks/develop.lock"
#: What a server is made of that keeps files in a bucket.
S3 = ROOT / "locks/s3.lock"

_PACKAGE = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]{2,30}( (AND|OR) [A-Za-z0-9.+-]+)*")
#: What older packages say in place of an SPDX expression. https://spdx.org/licenses/
_SPDX = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
#: Packages of systems other than this one, which are not there to be asked; looked up by hand.
_ELSEWHERE = {"colorama": "BSD-3-Clause", "httpx2-jsfetch": "BSD-3-Clause"}


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package as a lock file pins it."""

    name: str
    version: str
    #: SHA-256 of each file that may be installed, as hexadecimal digits.
    hashes: tuple[str, ...]


def locked(lock: Path) -> list[Package]:
    """Return the packages of a lock file, in its order."""
    return [
        Package(name=found["name"], version=found["version"], hashes=tuple(_HASH.findall(entry)))
        for entry in entries(lock)
        if (found := _PACKAGE.match(entry))
    ]


def entries(lock: Path) -> Iterator[str]:
    """Yield each requirement of a lock file with the lines that continue it."""
    text = re.sub(r"^\s*#.*\n", "", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    yield from re.findall(r"^\S(?:[^\n]*\\\n)*[^\n]*", text, flags=re.MULTILINE)


def licence(name: str) -> str | None:
    """Return the licence that a package names, as an SPDX expression; None where it says nothing we know."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return _ELSEWHERE.get(name)
    return _field(said, "License-Expression") or _classified(said) or _field(said, "License")


def _field(said: PackageMetadata, name: str) -> str | None:
    """Return a field that is an expression; older packages have a whole text of a licence there."""
    found = said.get_all(name) or [""]
    return found[0] if _EXPRESSION.fullmatch(found[0]) else None


def _classified(said: PackageMetadata) -> str | None:
    names = [
        line.rpartition(" :: ")[2]
        for line in said.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    known = sorted({_SPDX[name] for name in names if name in _SPDX})
    return " AND ".join(known) or None
