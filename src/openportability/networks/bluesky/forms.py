"""Whom a person follows, as records of the AT Protocol: one a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from openportability.domain import Followed


def forms(followed: Sequence[Followed]) -> Mapping[str, bytes]:
    """Return `follows.at.jsonl`; `createdAt` is when our ledger noted it."""
    lines = [
        json.dumps(
            {
                "$type": "app.bsky.graph.follow",
                "subject": one.actor_id,
                "createdAt": one.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        )
        for one in followed
    ]
    return {"follows.at.jsonl": "".join(f"{line}\n" for line in lines).encode()}
