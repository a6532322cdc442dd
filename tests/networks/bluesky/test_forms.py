from __future__ import annotations

import json

from openportability.clock import EPOCH
from openportability.domain import Followed
from openportability.networks.bluesky.forms import forms


def test_follows_are_records_one_a_line() -> None:
    bob = Followed(actor_id="did:plc:bob", handle="bob.example", at=EPOCH, record=None)
    lines = forms([bob, bob])["follows.at.jsonl"].decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "$type": "app.bsky.graph.follow",
            "subject": "did:plc:bob",
            "createdAt": "1970-01-01T00:00:00.000Z",
        }
    ] * 2
