from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import partial

import pytest

from openportability.archives.gather import Upload
from openportability.archives.handles import read
from openportability.archives.rules import Caps
from openportability.clock import EPOCH
from openportability.domain import Actor, ActorId, Kind, ListedActor, NetworkName
from openportability.networks.mastodon.forms import follows_file, forms
from openportability.networks.mastodon.lists import list_files

BOB = ListedActor(actor_id="https://herd.example/users/bob", handle="@bob@herd.example", at=EPOCH)
made = partial(forms, development=False)


@pytest.mark.parametrize(
    ("kind", "name", "lines"),
    [
        (
            Kind.FOLLOWING,
            "following_accounts.csv",
            [
                "Account address,Show boosts,Notify on new posts,Languages",
                "bob@herd.example,true,false,",
            ],
        ),
        (Kind.BLOCKED, "blocked_accounts.csv", ["Account address", "bob@herd.example"]),
        (
            Kind.MUTED,
            "muted_accounts.csv",
            ["Account address,Hide notifications", "bob@herd.example,true"],
        ),
    ],
)
def test_each_list_is_what_its_own_import_reads_and_what_we_read(
    kind: Kind, name: str, lines: list[str]
) -> None:
    body = made(kind, [BOB])[name]
    assert body.decode().splitlines() == lines
    upload = Upload(name=name, file=io.BytesIO(body))
    read_again = read(
        list_files(development=False),
        [upload],
        "me@other.example",
        also=frozenset({Kind.BLOCKED, Kind.MUTED}),
        caps=Caps(),
    )
    assert read_again.lists == {kind: {"bob@herd.example": BOB.actor_id}}
    assert not read_again.warnings


def test_follows_are_a_collection_of_actors() -> None:
    collection = json.loads(made(Kind.FOLLOWING, [BOB])["following.as2.json"])
    assert (collection["type"], collection["totalItems"]) == ("OrderedCollection", 1)
    assert collection["orderedItems"] == [BOB.actor_id]


def test_there_is_no_file_of_who_follows_the_person() -> None:
    assert made(Kind.FOLLOWERS, [BOB]) == {}


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
    for kind in (Kind.FOLLOWING, Kind.BLOCKED, Kind.MUTED):
        tables = [
            {name: body for name, body in made(kind, some).items() if name.endswith(".csv")}
            for some in ([replace(BOB, handle=handle)], [])
        ]
        assert tables[0] == tables[1]
