"""How the tests read an archive, and say what was read."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from openportability.archives import archive
from openportability.archives.archive import Archive
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps
from openportability.domain import Kind
from openportability.errors import Invalid
from openportability.network import ArchiveFormat
from openportability.networks.x.archive import ARCHIVE
from tests.archives.corpus import (
    archive_files,
    row,
    script,
    zipped,
)

WHOLE = archive_files()
LISTS = {"following": [1, 2, 3], "followers": [3, 4]}


def read(
    *uploads: tuple[str, bytes],
    also: frozenset[Kind] = frozenset(),
    caps: Caps | None = None,
    form: ArchiveFormat = ARCHIVE,
) -> Archive:
    chosen = [Upload(name=name, file=io.BytesIO(body)) for name, body in uploads]
    return archive.read(form, chosen, also=also, caps=caps or Caps())


def read_zip(body: bytes, **options: object) -> Archive:
    return read(("archive.zip", body), **options)  # type: ignore[arg-type]  # as of `read`


def lists_of(found: Archive) -> dict[str, list[int]]:
    return {kind.value: keys.tolist() for kind, keys in found.lists.items()}


def codes(found: Archive) -> list[str]:
    return [notice.code for notice in found.warnings]


def refused(body: bytes, **options: object) -> Invalid:
    with pytest.raises(Invalid) as caught:
        read_zip(body, **options)
    return caught.value


def only(**files: bytes) -> bytes:
    """A zip of `data/<name>.js` files."""
    return zipped({f"data/{name}.js": body for name, body in files.items()})


def following(body: bytes) -> bytes:
    """A zip in which the list of followings is this."""
    return zipped({**WHOLE, "data/following.js": body})


def moved(change: Callable[[str], str]) -> bytes:
    return zipped({change(name): body for name, body in WHOLE.items()})


def nested(method: int) -> bytes:
    return zipped({"__MACOSX/._inner.zip": b"x", "inner.zip": zipped(WHOLE)}, method=method)


PLAIN = script("following", [row("following", n) for n in (1, 2, 3)], indent=None)
ARRAY = PLAIN.partition(b"= ")[2]
