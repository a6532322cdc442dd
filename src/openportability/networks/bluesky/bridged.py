"""Copies that a bridge keeps here of people of the fediverse, found by the handle that it would give them.

A handle proves nothing: two names may become one, and anybody may make the like. So the account of that handle must
live on the bridge's own server, and its DID document must name the very actor whose copy it is:
https://fed.brid.gy/docs, https://github.com/snarfed/bridgy-fed (ids.py, atproto.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from openportability.domain import Actor, ActorId
from openportability.errors import Gone, Invalid, Refused
from openportability.network import Context
from openportability.networks.bluesky.identity import Identities
from openportability.networks.bluesky.profile import read_profile
from openportability.networks.bluesky.syntax import read_handle

#: How the ids of people of the fediverse begin.
_ADDRESSES = ("https://", "http://")
#: What may stand in a name there, and in no handle here.
_FOREIGN = re.compile(r"[_~]")


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """The bridge that the operator trusts."""

    context: Context
    identities: Identities
    local: bool

    def twin(self, original: Actor) -> Actor | None:
        """Return the account that the bridge keeps for an actor; None where it has none that names them."""
        domain, pds = (self.context.options[name] for name in ("BRIDGE_DOMAIN", "BRIDGE_PDS"))
        user, at, host = original.handle.partition("@")
        if not domain or not at or not original.id.startswith(_ADDRESSES):
            return None
        try:
            name = f"{_FOREIGN.sub('-', user)}.{host}.{domain}"
            who = self.identities.by_handle(read_handle(name, local=self.local))
        except (Invalid, Gone, Refused):
            return None
        if who.pds != pds or original.id not in who.also:
            return None
        shown, avatar = read_profile(self.context.door, who)
        return Actor(
            network=self.context.name,
            instance=urlsplit(who.pds).netloc,
            id=ActorId(who.did),
            handle=who.handle or "",
            name=shown,
            avatar=avatar,
            seen_at=self.context.clock.now(),
        )
