"""Whom a person follows, as Mastodon's own import and ActivityPub tools read it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

from openportability.domain import Followed

#: https://github.com/mastodon/mastodon/blob/main/app/models/export.rb
_HEAD = ("Account address", "Show boosts", "Notify on new posts", "Languages")


def forms(followed: Sequence[Followed]) -> Mapping[str, bytes]:
    """Return `following_accounts.csv`, and the actors as a collection of ActivityStreams 2.0."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(_HEAD)
    lines.writerows((one.handle.lstrip("@"), "true", "false", "") for one in followed)
    collection = {
        "@context": "https://www.w3.org/ns/activitystreams",
        "type": "OrderedCollection",
        "totalItems": len(followed),
        "orderedItems": [one.actor_id for one in followed],
    }
    return {
        "following_accounts.csv": text.getvalue().encode(),
        "following.as2.json": json.dumps(collection, indent=1).encode(),
    }
