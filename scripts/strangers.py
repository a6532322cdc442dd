"""Nothing in the repository is a stranger's: no secret, no computer it was written on, no registry of packages.

A lock file pins what is installed by its hash; where it is fetched from is up to whoever installs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.tree import ROOT, files, report

#: The home of somebody, on any system. Written so that these lines do not find themselves.
PATHS = re.compile(r"(?<![\w.])/(?:ro[o]t|hom[e]/\w+|User[s]/\w+)/[\w.]")
REGISTRIES = re.compile(
    r"registry\.npmj[s]\.|registry\.yarnpk[g]\.|file[s]\.pythonhosted\.|pypi\.or[g]/simple"
    r"|--(?:extra-)?index-ur[l]|--find-link[s]|\"resolve[d]\":"
)
#: Private keys, a keyring's lines, and what services let in by: none belongs here, not even as a sample.
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KE[Y]|\b(?:identity|k[0-9a-f]{8}):[\w-]{43}(?![\w-])"
    r"|\b(?:ghp|gho|github_pat|glpat|xox[abprs]|sk_live|AKIA)[_-]?[A-Za-z0-9_-]{16,}"
    r"|\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16,}"
)
#: Tests of the keyring need one; it opens nothing.
MADE_UP = frozenset({"identity:Arz4q96MxniloYgspL41jmuIz1agjpcsQ2SgZqKR9tg"})
#: Bytes that a file of the repository may have.
LARGEST = 1_000_000


def main() -> int:
    """Look through every file."""
    return report([line for path in files() for line in complaints(path)])


def complaints(path: Path) -> Iterator[str]:
    """Yield each line that names a home, a registry or a secret, and the file itself if it is too large."""
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    if path.stat().st_size > LARGEST:
        yield f"{name}: over {LARGEST:,} bytes"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    here = (str(ROOT), str(Path.home()) + "/")
    for number, line in enumerate(text.splitlines(), start=1):
        if PATHS.search(line) or any(place in line for place in here if len(place) > 2):
            yield f"{name}:{number}: a path of one computer"
        if any(found[0] not in MADE_UP for found in SECRETS.finditer(line)):
            yield f"{name}:{number}: looks like a secret"
        if REGISTRIES.search(line):
            yield f"{name}:{number}: the address of a registry"


if __name__ == "__main__":
    sys.exit(main())
