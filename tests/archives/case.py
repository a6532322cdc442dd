"""One thing that both readers are given."""

from __future__ import annotations

from dataclasses import dataclass, field

from openportability.archives.rules import Caps
from openportability.domain import Kind


@dataclass(frozen=True, kw_only=True)
class Case:
    """Files as chosen, and how they are read."""

    files: tuple[tuple[str, bytes], ...]
    also: frozenset[Kind] = frozenset()
    caps: Caps = field(default_factory=Caps)


def one(body: bytes, caps: Caps | None = None) -> Case:
    return Case(files=(("archive.zip", body),), caps=caps or Caps())
