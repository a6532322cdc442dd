"""Print what a server is made of, as CycloneDX 1.6: `python -m scripts.sbom > sbom.json`.

Read from the lock file and from the list of vendored files, so the same source gives the same bytes.
https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable

from scripts import parts, vendor
from scripts.parts import Package
from scripts.tree import ROOT


def document() -> dict[str, object]:
    """Return the bill of materials."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "openportability",
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"expression": project["license"]}],
            }
        },
        "components": [*map(_package, parts.locked(parts.SERVE)), *_vendored()],
    }


def _package(package: Package) -> dict[str, object]:
    address = f"pkg:pypi/{package.name}@{package.version}"
    named = parts.licence(package.name)
    return {
        "type": "library",
        "bom-ref": address,
        "name": package.name,
        "version": package.version,
        "purl": address,
        **({"licenses": [{"expression": named}]} if named else {}),
        # One for each file of the package that may be installed, by system.
        "hashes": _hashes(package.hashes),
    }


def _vendored() -> Iterable[dict[str, object]]:
    files = defaultdict(list)
    for file in vendor.FILES:
        files[file.package].append(file)
    for package, ours in files.items():
        name, _, version = package.rpartition("@")
        address = f"pkg:npm/{name}@{version}"
        yield {
            "type": "library",
            "bom-ref": address,
            "name": name,
            "version": version,
            "purl": address,
            "components": [
                {
                    "type": "file",
                    "bom-ref": f"{address}#{file.published}",
                    "name": file.published,
                    "hashes": _hashes([file.sha256]),
                }
                for file in ours
            ],
        }


def _hashes(digests: Iterable[str]) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest} for digest in digests]


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=1)
    sys.stdout.write("\n")
