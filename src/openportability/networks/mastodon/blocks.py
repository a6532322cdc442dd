"""Blocks on servers of the Mastodon kind: looked at first, made one by one. Only the person sees them."""

from __future__ import annotations

from collections.abc import Sequence

from openportability.domain import ActorId, Grant, Relationship, Tie, Wanted
from openportability.errors import Gone, NetworkError, Refused, Unavailable
from openportability.network import Answers, Context
from openportability.networks.mastodon import answers
from openportability.networks.mastodon.finder import Finder
from openportability.networks.mastodon.home import Home, home_of

_Row = Relationship | NetworkError


class MastodonBlocks:
    """Who our user blocks on their own server; `record` is the number of the actor there."""

    public = False

    def __init__(self, context: Context) -> None:
        self._context = context
        self._finder = Finder(context)

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Say whom our user blocks now."""
        home = home_of(self._context, grant)
        return Answers(of={one.actor.id: self._look(home, grant, one) for one in wanted})

    def block(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Block each, once: what is blocked already stays so."""
        return self._each(grant, wanted, "block")

    def unblock(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        """Take back blocks that are still there."""
        return self._each(grant, made, "unblock")

    def _look(self, home: Home, grant: Grant, wanted: Wanted) -> _Row:
        number = self._number(home, grant, wanted)
        if isinstance(number, NetworkError):
            return number
        is_there = home.blocks(number)
        return Gone("masto.gone") if is_there is None else _tie(number, is_there=is_there)

    def _each(self, grant: Grant, wanted: Sequence[Wanted], verb: str) -> Answers:
        home = home_of(self._context, grant)
        of: dict[ActorId, _Row] = {}
        for one in wanted:
            of[one.actor.id] = self._post(home, grant, one, verb)
        return Answers(of=of)

    def _post(self, home: Home, grant: Grant, wanted: Wanted, verb: str) -> _Row:
        number = self._number(home, grant, wanted)
        if isinstance(number, NetworkError):
            return number
        reply = home.post(number, verb)
        if reply.status in (404, 410):
            return Gone("masto.gone")
        if reply.status != 200:
            return Refused("masto.refused")
        told = answers.blocking(answers.parsed(reply), number)
        if told is None:
            raise Unavailable("net.garbage")
        return _tie(number, is_there=told)

    def _number(self, home: Home, grant: Grant, wanted: Wanted) -> str | NetworkError:
        """Return the number found when we looked, else find it now."""
        if wanted.actor.id == grant.actor_id:
            return Refused("target.self")
        return wanted.record or self._finder.number(home, grant, wanted.actor)


def _tie(number: str, *, is_there: bool) -> Relationship:
    return Relationship(tie=Tie.BLOCKING if is_there else Tie.NONE, record=number)
