"""Whom a person follows, blocks or mutes, or is to, as Mastodon's own import and ActivityPub tools read it.

Named lists of Mastodon are none of our lists, so no `lists.csv` is made.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from openportability.domain import Actor, Kind, ListedActor
from openportability.errors import Invalid
from openportability.network import FollowsFile
from openportability.networks.mastodon.room import CEILING
from openportability.networks.mastodon.syntax import address, spell


@dataclass(frozen=True, kw_only=True)
class _Csv:
    """A file of addresses: its name, and what stands in the further columns of each row."""

    name: str
    more: Mapping[str, str] = field(default_factory=dict)

    def of(self, addresses: Iterable[str]) -> bytes:
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(("Account address", *self.more))
        lines.writerows((address, *self.more.values()) for address in addresses)
        return text.getvalue().encode()


#: By its columns Mastodon knows what a file is, else by its name:
#: https://github.com/mastodon/mastodon/blob/main/app/models/form/import.rb
_FOLLOWS = _Csv(
    name="following_accounts.csv",
    more={"Show boosts": "true", "Notify on new posts": "false", "Languages": ""},
)
_FILES = {
    Kind.FOLLOWING: _FOLLOWS,
    Kind.BLOCKED: _Csv(name="blocked_accounts.csv"),
    Kind.MUTED: _Csv(name="muted_accounts.csv", more={"Hide notifications": "true"}),
}


def forms(kind: Kind, listed: Sequence[ListedActor], *, development: bool) -> Mapping[str, bytes]:
    """Return the file that Mastodon imports; of follows, the collection of ActivityStreams 2.0 as well."""
    if kind not in _FILES:
        return {}
    spelled = (_spelled(one.handle, development=development) for one in listed)
    made = {_FILES[kind].name: _FILES[kind].of(one for one in spelled if one is not None)}
    if kind is Kind.FOLLOWING:
        collection = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "type": "OrderedCollection",
            "totalItems": len(listed),
            "orderedItems": [one.actor_id for one in listed],
        }
        made["following.as2.json"] = json.dumps(collection, indent=1).encode()
    return made


def follows_file(*, development: bool) -> FollowsFile:
    """Return how a file is made that Mastodon's own import reads."""

    def spelled(actor: Actor) -> str | None:
        return _spelled(actor.handle, development=development)

    return FollowsFile(
        name=_FOLLOWS.name,
        most=CEILING,
        page_url=lambda actor: f"https://{actor.instance}/settings/imports",
        help="Choose the list of follows there, and Merge: Overwrite would unfollow everybody else.",
        takes=lambda actor: spelled(actor) is not None,
        write=lambda actors: _FOLLOWS.of(one for one in map(spelled, actors) if one is not None),
    )


def _spelled(handle: str, *, development: bool) -> str | None:
    """Return the address that a handle is; None for what is none.

    An address begins with a letter, a number or `_` and holds no comma or quote, so that no program
    that opens the file as a table reads a formula. What a server calls people is its own invention.
    """
    try:
        found = address(handle, "", development=development)
    except Invalid:
        return None
    return None if found.user is None else spell(found.user, found.host)
