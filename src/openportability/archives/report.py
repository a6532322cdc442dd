"""What became of an archive, in counts: shown after an upload, kept sealed. It names nobody else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from openportability.archives.archive import Notice
from openportability.archives.reader import ReadFile
from openportability.domain import Kind, NetworkName, Proof


@dataclass(frozen=True, kw_only=True)
class ListReport:
    """One list, against the one it replaced."""

    kind: Kind
    count: int
    added: int
    removed: int
    unchanged: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was read of an archive, and what is different now."""

    network: NetworkName
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
