"""How an account shows itself: the name and picture of its public profile record."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from openportability.errors import Unavailable
from openportability.networks.bluesky.identity import Identity
from openportability.networks.bluesky.replies import mapping
from openportability.outbound import Door

PROFILE = "app.bsky.actor.profile"
#: The standard allows 64 letters as people count them, which can be many more as we do.
MOST_NAME = 640


def read_profile(door: Door, who: Identity) -> tuple[str, str | None]:
    """Return name and address of the picture; empty and None where there is no profile.

    Raise a `NetworkError` where the server does not say.
    """
    reply = door.request(
        "GET",
        f"{who.pds}/xrpc/com.atproto.repo.getRecord",
        params={"repo": who.did, "collection": PROFILE, "rkey": "self"},
    )
    if reply.status == 429 or reply.status >= 500:
        raise Unavailable("at.pds_down")
    value = mapping(reply).get("value") if reply.status == 200 else None
    if not isinstance(value, dict):
        return "", None
    name = value.get("displayName")
    return name.strip()[:MOST_NAME] if isinstance(name, str) else "", _picture(value, who)


def _picture(value: Mapping[str, object], who: Identity) -> str | None:
    avatar = value.get("avatar")
    ref = avatar.get("ref") if isinstance(avatar, dict) else None
    cid = ref.get("$link") if isinstance(ref, dict) else None
    if not isinstance(cid, str) or not cid.isalnum():
        return None
    query = urlencode({"did": who.did, "cid": cid})
    return f"{who.pds}/xrpc/com.atproto.sync.getBlob?{query}"
