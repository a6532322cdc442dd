"""Copies that a bridge keeps here of people of the AT Protocol, asked of the bridge by their DID.

The bridge calls such an actor by the DID itself, and its document names the DID once more:
https://fed.brid.gy/docs, https://github.com/snarfed/bridgy-fed (ids.py, activitypub.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from openportability import outbound
from openportability.domain import Actor, ActorId
from openportability.errors import Throttled, Unavailable
from openportability.network import Context
from openportability.networks.mastodon import answers, syntax

_DID = re.compile(r"did:(?:plc:[a-z2-7]{24}|web:(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63})")
_MEDIA = "application/activity+json"
#: A document with a key, a few links and a text of the person's.
_MOST_BYTES = 131_072


def twin(context: Context, original: Actor) -> Actor | None:
    """Return the bridge's actor for a DID; None where it has none, or one that does not name this DID."""
    bridge = context.options["BRIDGE_URL"]
    if not bridge or not _DID.fullmatch(original.id):
        return None
    url = f"{bridge}{original.id}"
    reply = context.door.request("GET", url, headers={"Accept": _MEDIA}, most_bytes=_MOST_BYTES)
    now = context.clock.now()
    if reply.status == 429:
        raise Throttled(outbound.reset_time(reply.headers, now), "masto.throttled")
    if reply.status in (404, 410):
        return None
    found = answers.mapping(reply)
    if reply.status != 200 or not found:
        raise Unavailable("masto.remote_down")
    user = answers.text(found, "preferredUsername") or ""
    if found.get("id") != url or not _names(found, original) or not syntax.is_user(user):
        return None
    host = answers.netloc(url)
    return Actor(
        network=context.name,
        instance=host,
        id=ActorId(url),
        handle=syntax.spell(user, host),
        name=(answers.text(found, "name") or user).strip()[:200],
        avatar=_picture(found),
        seen_at=now,
    )


def _picture(found: Mapping[str, object]) -> str | None:
    icon = found.get("icon")
    url = answers.text(icon, "url") if isinstance(icon, dict) else None
    return url if answers.parts(url).scheme == "https" else None


def _names(found: Mapping[str, object], original: Actor) -> bool:
    """Say whether a document says whose copy it is of."""
    also = found.get("alsoKnownAs")
    said = also if isinstance(also, list) else [also]
    return f"at://{original.id}" in said or original.id in said
