from __future__ import annotations

import json
from dataclasses import replace

import pytest

from openportability.clock import EPOCH
from openportability.domain import Kind, ListedActor
from openportability.networks.bluesky.forms import forms

BOB = ListedActor(actor_id="did:plc:bob", handle="bob.example", at=EPOCH)


@pytest.mark.parametrize(
    ("kind", "name", "collection"),
    [
        (Kind.FOLLOWING, "follows.at.jsonl", "app.bsky.graph.follow"),
        (Kind.BLOCKED, "blocks.at.jsonl", "app.bsky.graph.block"),
    ],
)
def test_what_is_there_are_records_one_a_line(kind: Kind, name: str, collection: str) -> None:
    lines = forms(kind, [BOB, BOB, replace(BOB, at=None)])[name].decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "$type": collection,
            "subject": "did:plc:bob",
            "createdAt": "1970-01-01T00:00:00.000Z",
        }
    ] * 2


def test_mutes_and_blocks_that_are_not_there_are_no_records() -> None:
    assert forms(Kind.MUTED, [BOB]) == {}
    assert forms(Kind.BLOCKED, [replace(BOB, at=None)]) == {}
