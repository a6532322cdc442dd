"""Blocks, and mutes, on servers of the Mastodon kind: looked at first, made one by one. Only the person sees them."""

from __future__ import annotations

from collections.abc import Sequence

from openportability.domain import ActorId, Deed, Grant, Relationship, Tie, Wanted
from openportability.errors import Gone, NetworkError, Refused, Unavailable
from openportability.network import Answers, Context
from openportability.networks.mastodon import answers
from openportability.networks.mastodon.finder import Finder
from openportability.networks.mastodon.home import Home, home_of

_Row = Relationship | NetworkError
#: How it is asked for, how it is taken back, and how a relationship shows it.
_WORDS = {
    Deed.BLOCK: ("block", "unblock", "blocking"),
    Deed.MUTE: ("mute", "unmute", "muting"),
}


class MastodonAvoidance:
    """Whom our user blocks, or mutes, on their own server; `record` is the number of the actor there."""

    public = False

    def __init__(self, context: Context, deed: Deed, finder: Finder) -> None:
        self._context = context
        self._finder = finder
        self._make, self._undo, self._mark = _WORDS[deed]

    def reserve(self, count: int) -> Sequence[str | None]:
        """Return no records: servers of this kind number nothing of this."""
        return [None] * count

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Say whom our user blocks, or mutes, now."""
        home = home_of(self._context, grant)
        return Answers(of={one.actor.id: self._look(home, grant, one) for one in wanted})

    def make(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Block, or mute, each, once and with no options: those would change what is there already."""
        return self._each(grant, wanted, self._make)

    def take_back(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        """Take back what is still there."""
        return self._each(grant, made, self._undo)

    def _look(self, home: Home, grant: Grant, wanted: Wanted) -> _Row:
        number = self._number(home, grant, wanted)
        if isinstance(number, NetworkError):
            return number
        is_there = home.shows(number, self._mark)
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
        if reply.status != 200:
            # Some servers know no such verb, and say so as if nobody were there.
            is_gone = reply.status in (404, 410) and home.shows(number, self._mark) is None
            return Gone("masto.gone") if is_gone else Refused()
        told = answers.shows(answers.parsed(reply), number, self._mark)
        if told is None:
            raise Unavailable("net.garbage")
        return _tie(number, is_there=told)

    def _number(self, home: Home, grant: Grant, wanted: Wanted) -> str | NetworkError:
        """Return the number found when we looked, else find it now."""
        if wanted.actor.id == grant.actor_id:
            return Refused("target.self")
        return wanted.record or self._finder.number(home, grant, wanted.actor)


def _tie(number: str, *, is_there: bool) -> Relationship:
    return Relationship(tie=Tie.AVOIDING if is_there else Tie.NONE, record=number)
