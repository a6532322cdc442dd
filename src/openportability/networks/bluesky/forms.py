"""Whom a person follows and blocks, as records of the AT Protocol: one a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from openportability.domain import Kind, ListedActor

#: Mutes are no records: the view keeps them, in private.
_RECORDS = {
    Kind.FOLLOWING: ("follows.at.jsonl", "app.bsky.graph.follow"),
    Kind.BLOCKED: ("blocks.at.jsonl", "app.bsky.graph.block"),
}


def forms(kind: Kind, listed: Sequence[ListedActor]) -> Mapping[str, bytes]:
    """Return the records that are there; `createdAt` is when our ledger noted it."""
    if kind not in _RECORDS:
        return {}
    name, collection = _RECORDS[kind]
    lines = [
        json.dumps(
            {
                "$type": collection,
                "subject": one.actor_id,
                "createdAt": one.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        )
        for one in listed
        if one.at is not None
    ]
    return {name: "".join(f"{line}\n" for line in lines).encode()} if lines else {}
