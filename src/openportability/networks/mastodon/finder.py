"""Finds an actor on somebody else's server: its number there, and only if it is the very one.

An account's number means nothing on another server, and a name may pass to a stranger; so what a
search finds counts only if its actor URI is the one recorded when that person signed in here.
"""

from __future__ import annotations

from datetime import timedelta

from openportability.domain import Actor, ActorId, Grant
from openportability.errors import Gone, NetworkError, Refused, Unavailable
from openportability.network import Context
from openportability.networks.mastodon import answers, discovery
from openportability.networks.mastodon.answers import Seen
from openportability.networks.mastodon.home import Home
from openportability.networks.mastodon.memory import Memory


class Finder:
    """Knows, for a day, which number an actor has on an instance."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._numbers: Memory[tuple[str, ActorId], str] = Memory(
            context.clock, keep=timedelta(hours=24), most=100_000
        )

    def find(self, home: Home, grant: Grant, actor: Actor) -> Seen | NetworkError:
        """Return the account that is this actor, as the person's server shows it, or why not."""
        key = (grant.instance, actor.id)
        number = self._numbers.get(key)
        seen = home.account(number) if number is not None else None
        if seen is None or not answers.is_actor(seen, actor, grant.instance):
            self._numbers.drop(key)
            seen = self._known(home, grant, actor)
        if seen is None:
            try:
                seen = self._searched(home, grant, actor)
            except Unavailable:  # theirs, most likely: ours has just answered
                return Unavailable("masto.remote_down")
        if seen is None:
            return self._why_not(actor)
        self._numbers.put(key, seen.id)
        return Gone("masto.gone") if seen.suspended else seen

    def number(self, home: Home, grant: Grant, actor: Actor) -> str | NetworkError:
        """Return the number of an actor on the person's server, or why there is none."""
        known = self._numbers.get((grant.instance, actor.id))
        if known is not None:
            return known
        found = self.find(home, grant, actor)
        return found.id if isinstance(found, Seen) else found

    def forget(self, grant: Grant, actor: Actor) -> None:
        """Look anew next time."""
        self._numbers.drop((grant.instance, actor.id))

    def _known(self, home: Home, grant: Grant, actor: Actor) -> Seen | None:
        if not actor.handle:  # a declared successor, known by the URI alone
            return None
        is_neighbour = actor.instance == grant.instance
        seen = home.lookup(actor.handle.partition("@")[0] if is_neighbour else actor.handle)
        if seen is None or not answers.is_actor(seen, actor, grant.instance):
            return None
        return seen

    def _searched(self, home: Home, grant: Grant, actor: Actor) -> Seen | None:
        for text in (f"@{actor.handle}", actor.id) if actor.handle else (actor.id,):
            for seen in home.search(text):
                if answers.is_actor(seen, actor, grant.instance):
                    return seen
        return None

    def _why_not(self, actor: Actor) -> NetworkError:
        """Ask the actor's own server whether they are gone, or only out of reach from here."""
        user, _, domain = actor.handle.partition("@")
        if not domain:
            return Refused("masto.out_of_reach")
        try:
            uri = discovery.self_link(self._context, user, domain)
        except Unavailable:
            return Unavailable("masto.remote_down")
        return Refused("masto.out_of_reach") if uri == actor.id else Gone("masto.gone")
