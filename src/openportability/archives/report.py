"""What became of an archive, in counts: shown after an upload, kept sealed. It names nobody else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from openportability.archives.archive import Notice
from openportability.archives.reader import ReadFile
from openportability.domain import Kind, NetworkName, Proof


class Way(StrEnum):
    """How lists came."""

    ARCHIVE = "archive"
    ACCOUNT = "account"  # read from a linked account
    FILES = "files"  # exported by the network, one handle a line


@dataclass(frozen=True, kw_only=True)
class ListReport:
    """One list, against the one it replaced."""

    kind: Kind
    count: int
    added: int
    removed: int
    unchanged: int
    #: True when there was no such list before: nothing to compare with.
    first: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was read of an archive, and what is different now."""

    network: NetworkName
    way: Way
    #: The account whose lists these are, and how we know that it is the user's.
    actor_id: str
    handle: str
    proof: Proof
    #: When the network made the archive, if it says so.
    generated_at: datetime | None
    at: datetime
    read: Sequence[ReadFile]
    lists: Sequence[ListReport]
    warnings: Sequence[Notice]
    #: Files that were left alone.
    ignored: int

    @property
    def is_first(self) -> bool:
        """True when none of the lists replaced one."""
        return all(each.first for each in self.lists)

    @property
    def added(self) -> int:
        return sum(each.added for each in self.lists)

    @property
    def removed(self) -> int:
        return sum(each.removed for each in self.lists)


def to_bytes(report: Report) -> bytes:
    """Return the form that is kept."""
    return json.dumps(asdict(report), default=datetime.isoformat).encode()


def from_bytes(kept: bytes) -> Report:
    """Return a report that was kept."""
    tree = json.loads(kept)
    made = tree["generated_at"]
    return Report(
        network=NetworkName(tree["network"]),
        way=Way(tree["way"]),
        actor_id=tree["actor_id"],
        handle=tree["handle"],
        proof=Proof(tree["proof"]),
        generated_at=datetime.fromisoformat(made) if made else None,
        at=datetime.fromisoformat(tree["at"]),
        read=[ReadFile(**{**each, "kind": Kind(each["kind"])}) for each in tree["read"]],
        lists=[ListReport(**{**each, "kind": Kind(each["kind"])}) for each in tree["lists"]],
        warnings=[Notice(**each) for each in tree["warnings"]],
        ignored=tree["ignored"],
    )
