from __future__ import annotations

import json

from openportability.clock import EPOCH
from openportability.domain import Followed
from openportability.networks.mastodon.forms import forms

BOB = Followed(
    actor_id="https://herd.example/users/bob", handle="@bob@herd.example", at=EPOCH, record=None
)


def test_follows_are_what_its_own_import_reads() -> None:
    lines = forms([BOB])["following_accounts.csv"].decode().splitlines()
    assert lines == [
        "Account address,Show boosts,Notify on new posts,Languages",
        "bob@herd.example,true,false,",
    ]


def test_follows_are_a_collection_of_actors() -> None:
    collection = json.loads(forms([BOB])["following.as2.json"])
    assert (collection["type"], collection["totalItems"]) == ("OrderedCollection", 1)
    assert collection["orderedItems"] == [BOB.actor_id]
