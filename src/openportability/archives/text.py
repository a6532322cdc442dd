"""A file of an archive → the JSON in it: a script that assigns it to a name, or the JSON alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from openportability.archives.rules import Caps
from openportability.errors import Invalid

#: Byte order mark, blanks, `window.some.name = `; each may be missing.
_BEFORE = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \t\r\n]*(?:window\.[A-Za-z0-9_$.]+[ \t\r\n]*=[ \t\r\n]*)?"
)
#: All of it, and the bracket behind it, stand in so many bytes.
_BEFORE_BYTES = 1024
_BLANK = b" \t\r\n"
#: The semicolon and the blanks behind it that are held before we know that nothing follows.
_BEHIND_BYTES = 1 << 16
#: The longest name that is kept, and what has no place in one.
_NAME_LETTERS = 100
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
#: A day, or a moment of it; the offset is that of the hour given.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?)?"
)


def json_in(pieces: Iterator[bytes], opening: bytes, *, file: str) -> Iterator[bytes]:
    """Yield the JSON alone. Raise `Invalid` where it does not begin with `opening` as it should."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= _BEFORE_BYTES:
            break
    before = _BEFORE.match(head, 0, _BEFORE_BYTES)
    assert before is not None  # it can be empty
    start = before.end()
    if start >= _BEFORE_BYTES or head[start : start + 1] != opening:
        raise Invalid("archive.corrupt_file", file=file)
    yield from _without_end(_chain(head[start:], pieces), file)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _without_end(pieces: Iterator[bytes], file: str) -> Iterator[bytes]:
    """Hold back the semicolon and the blanks behind it until it is clear that they are the end."""
    held = b""
    for piece in pieces:
        text = held + piece
        semicolon = text.find(b";", len(text.rstrip(_BLANK + b";")))
        end = len(text) if semicolon < 0 else semicolon
        held = text[end:]
        if len(held) > _BEHIND_BYTES:
            raise Invalid("archive.corrupt_file", file=file)
        if end:
            yield text[:end]
    if held.strip(_BLANK) not in {b"", b";"}:
        raise Invalid("archive.corrupt_file", file=file)


@dataclass(frozen=True, kw_only=True)
class Announced:
    """What the manifest says of one list: its parts, and the rows of all of them."""

    files: int
    rows: int | None


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The index of an archive: a second opinion, never a reason to open anything."""

    owner_id: object = None
    owner_handle: str = ""
    generated_at: datetime | None = None
    #: True when the network says that there are more downloads than this one.
    partial: bool = False
    #: By the name of the list in lower case, without hyphens.
    lists: Mapping[str, Announced] = field(default_factory=dict)


def read_manifest(
    pieces: Iterator[bytes], caps: Caps, *, owner_id_field: str, file: str
) -> Manifest:
    """Return what a manifest says, as far as it can be understood."""
    text = bytearray()
    for piece in json_in(pieces, b"{", file=file):
        text += piece
        if len(text) > caps.manifest_bytes:
            raise Invalid("archive.corrupt_file", file=file)
    try:
        # Told the encoding: left to itself, it would guess.
        tree = json.loads(text.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Invalid("archive.corrupt_file", file=file) from None
    user, about = _part(tree, "userInfo"), _part(tree, "archiveInfo")
    return Manifest(
        owner_id=user.get(owner_id_field),
        owner_handle=shown(user.get("userName")),
        generated_at=moment(about.get("generationDate")),
        partial=about.get("isPartialArchive") is True,
        lists={
            key.lower(): _announced(value)
            for key, value in _part(tree, "dataTypes").items()
            if isinstance(value, dict) and isinstance(value.get("files"), list)
        },
    )


def shown(text: object) -> str:
    """Return a name from a file as one that can be stored and shown, or nothing."""
    if not isinstance(text, str):
        return ""
    plain = _CONTROLS.sub("", text[:_NAME_LETTERS])
    return plain.encode("utf-8", "replace").decode().strip()


def moment(text: object) -> datetime | None:
    """Return the second that a file names, or None for anything else."""
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        return None
    try:
        read = datetime.fromisoformat(text).replace(microsecond=0)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _no_number(text: str) -> object:
    raise ValueError(text)


def _part(tree: object, key: str) -> dict[str, object]:
    value = tree.get(key) if isinstance(tree, dict) else None
    return value if isinstance(value, dict) else {}


def _announced(value: dict[str, object]) -> Announced:
    files = value["files"]
    assert isinstance(files, list)
    counts = [each.get("count") if isinstance(each, dict) else None for each in files]
    known = [int(count) for count in counts if isinstance(count, str) and _is_count(count)]
    return Announced(files=len(files), rows=sum(known) if len(known) == len(files) else None)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12
