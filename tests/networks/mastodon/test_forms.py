from __future__ import annotations

import json

import pytest

from openportability.clock import EPOCH
from openportability.domain import Actor, ActorId, Followed, NetworkName
from openportability.networks.mastodon.forms import follows_file, forms

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


def _actor(handle: str) -> Actor:
    return Actor(
        network=NetworkName("mastodon"),
        instance="herd.example",
        id=ActorId(f"https://herd.example/users/{handle}"),
        handle=handle,
        name="=1+1",
        seen_at=EPOCH,
    )


def test_the_file_to_import_has_one_address_a_row() -> None:
    made = follows_file(development=False).write(
        [_actor("@Bob@Herd.example"), _actor("_a.b@h.example")]
    )
    assert made.decode().splitlines() == [
        "Account address,Show boosts,Notify on new posts,Languages",
        "Bob@herd.example,true,false,",
        "_a.b@h.example,true,false,",
    ]


@pytest.mark.parametrize(
    "handle",
    [
        "=cmd|'/c calc'!A1@herd.example",
        *("+bob@herd.example", "-bob@herd.example", "@@bob@herd.example"),
        *("bob@herd.example,=1", 'bob"@herd.example', "bob@herd.example\n=1@herd.example"),
        *("bob@=1", "bob@127.0.0.1", "bob", ""),
    ],
)
def test_what_a_table_might_read_as_a_formula_is_in_no_file(handle: str) -> None:
    form = follows_file(development=False)
    assert not form.takes(_actor(handle))
    assert form.write([_actor(handle)]) == form.write([])
