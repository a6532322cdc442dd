"""Whom a person follows or is to follow, as Mastodon's own import and ActivityPub tools read it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from openportability.domain import Actor, Followed
from openportability.errors import Invalid
from openportability.network import FollowsFile
from openportability.networks.mastodon.room import CEILING
from openportability.networks.mastodon.syntax import address, spell

#: https://github.com/mastodon/mastodon/blob/main/app/models/export.rb
_HEAD = ("Account address", "Show boosts", "Notify on new posts", "Languages")

_NAME = "following_accounts.csv"


def forms(followed: Sequence[Followed]) -> Mapping[str, bytes]:
    """Return `following_accounts.csv`, and the actors as a collection of ActivityStreams 2.0."""
    collection = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "type": "OrderedCollection",
        "totalItems": len(followed),
        "orderedItems": [one.actor_id for one in followed],
    }
    return {
        _NAME: _table(one.handle.lstrip("@") for one in followed),
        "following.as2.json": json.dumps(collection, indent=1).encode(),
    }


def follows_file(*, development: bool) -> FollowsFile:
    """Return how a file is made that Mastodon's own import reads."""
    spelled = partial(_spelled, development=development)
    return FollowsFile(
        name=_NAME,
        most=CEILING,
        page_url=lambda actor: f"https://{actor.instance}/settings/imports",
        help="Choose the list of follows there, and Merge: Overwrite would unfollow everybody else.",
        takes=lambda actor: spelled(actor) is not None,
        write=lambda actors: _table(one for one in map(spelled, actors) if one is not None),
    )


def _spelled(actor: Actor, *, development: bool) -> str | None:
    """Return the address of an actor; None for what is none.

    An address begins with a letter, a number or `_` and holds no comma or quote, so that no program
    that opens the file as a table reads a formula. What a server calls people is its own invention.
    """
    try:
        found = address(actor.handle, "", development=development)
    except Invalid:
        return None
    return None if found.user is None else spell(found.user, found.host)


def _table(handles: Iterable[str]) -> bytes:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(_HEAD)
    lines.writerows((handle, "true", "false", "") for handle in handles)
    return text.getvalue().encode()
