"""What others wrote and we install: pinned, hashed, licensed so that we may pass it on, without known holes.

`python -m scripts.audit` needs no network: it reads the lock files and `locks/advisories.json`.
`python -m scripts.audit ask` asks https://osv.dev about every pinned version and writes that file.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scripts import parts, vendor
from scripts.tree import ROOT, report

RECORD = ROOT / "locks/advisories.json"
OSV = "https://api.osv.dev/v1/querybatch"
#: May be passed on with a program under AGPL-3.0-or-later. What only developers install is held to the same.
ALLOWED = frozenset(
    "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause CC0-1.0 ISC LGPL-3.0-only MIT MIT-0 MPL-2.0 PSF-2.0 Zlib".split()
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was asked about, when, and what came of it."""

    #: Day of the last question; None: nobody asked yet.
    asked: str | None
    #: `name==version` of all that was asked about, and its advisories.
    answers: Mapping[str, Sequence[str]]
    #: Advisories that do not touch us, and why.
    accepted: Mapping[str, str]


def main(arguments: list[str]) -> int:
    """Check, or ask and then check."""
    record = read(RECORD)
    if arguments == ["ask"]:
        record = ask(record, OSV)
        RECORD.write_text(json.dumps(vars(record), indent=1) + "\n", encoding="utf-8")
    unasked = sorted(set(_pinned()) - record.answers.keys())
    print(
        f"advisories: asked {record.asked or 'never'}; {len(unasked)} versions were not asked about"
    )
    problems = [
        *unpinned(parts.SERVE),
        *unpinned(parts.S3),
        *unpinned(parts.DEVELOP),
        *unlicensed(),
        *open_holes(record),
    ]
    return report([*problems, *vendor.complaints(vendor.VENDOR)])


def read(path: Path) -> Record:
    """Read the record."""
    return Record(**json.loads(path.read_text(encoding="utf-8")))


def unpinned(lock: Path) -> Iterator[str]:
    """Yield each line of a lock file that would install something other than one known file."""
    for entry in parts.entries(lock):
        first = entry.partition("\n")[0].rstrip(" \\")
        if not re.match(r"[A-Za-z0-9._-]+==\d[^\s,*]*( ;.*)?$", first):
            yield f"{lock.name}: {first}: is not pinned to one version"
        elif "--hash=sha256:" not in entry:
            yield f"{lock.name}: {first}: has no hash"


def unlicensed() -> Iterator[str]:
    """Yield each package whose licence we do not know, or may not pass on."""
    for package in parts.locked(parts.DEVELOP):
        named = parts.licence(package.name)
        if named is None or not may_pass_on(named):
            yield f"{package.name}: licence {named or 'unknown'}: look at it, then see scripts/parts.py"


def may_pass_on(expression: str) -> bool:
    """Say whether an SPDX expression (of AND and OR, without brackets) leaves us a licence we may use."""
    return all(
        any(one.strip() in ALLOWED for one in either.split(" OR "))
        for either in expression.split(" AND ")
    )


def open_holes(record: Record) -> Iterator[str]:
    """Yield each known advisory about a version that is pinned now."""
    for name in _pinned():
        for advisory in record.answers.get(name, ()):
            if advisory not in record.accepted:
                yield f"{name}: {advisory}: take a newer version, or say in {RECORD.name} why it does not touch us"


def ask(record: Record, url: str) -> Record:
    """Ask about every pinned version, in one request."""
    names = _pinned()
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
        for name, _, version in (one.partition("==") for one in names)
    ]
    request = urllib.request.Request(
        url, json.dumps({"queries": queries}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        results = json.load(answer)["results"]
    answers = {
        name: [found["id"] for found in result.get("vulns", ())]
        for name, result in zip(names, results, strict=True)
    }
    return Record(asked=str(datetime.now(UTC).date()), answers=answers, accepted=record.accepted)


def _pinned() -> list[str]:
    packages: Iterable[parts.Package] = parts.locked(parts.DEVELOP)
    return sorted({f"{one.name}=={one.version}" for one in packages})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
