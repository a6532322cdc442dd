"""Follows on servers of the Mastodon kind: looked at first, made one by one, looked at again later.

A 200 is not proof: for people on other servers `following: true` is a hope, and `following` and
`requested` both false may mean that it happens in some seconds. That is answered `REQUESTED`, which
nobody sends again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from openportability.clock import monotonic
from openportability.domain import ActorId, Grant, Kind, Limits, Relationship, Tie, Wanted, Window
from openportability.errors import (
    Flagged,
    Forbidden,
    Gone,
    NetworkError,
    Refused,
    SignedOut,
    Unavailable,
)
from openportability.network import Answers, Budget, Context, Page
from openportability.networks.mastodon import answers
from openportability.networks.mastodon.answers import Seen
from openportability.networks.mastodon.apps import allow_following
from openportability.networks.mastodon.finder import Finder
from openportability.networks.mastodon.home import Home, home_of
from openportability.networks.mastodon.lists import Lists

_DAY_SECONDS = 86_400
#: Requests an account may make in five minutes (Mastodon, config/initializers/rack_attack.rb). A follow of
#: somebody whom the server does not know takes a lookup, a search, the follow and its part of a look at
#: relationships; taking it back, a look and the unfollow.
REQUESTS = Window(300, 300, follow=4, undo=2)
#: No new search is begun after this time in one look, so that it ends well inside a lease.
_LOOK_SECONDS = 12.0


class Follows:
    """The destination: relationships, follow and unfollow with a person's own token."""

    def __init__(self, context: Context, lists: Lists, finder: Finder) -> None:
        self._context = context
        self._lists = lists
        self._finder = finder
        self.limits = Limits(
            batch=1,
            look=5,
            windows=(Window(answers.FOLLOWS_A_DAY, _DAY_SECONDS), REQUESTS),
            gap_seconds=lists.gap_seconds,
        )

    def following(self, grant: Grant, cursor: str | None) -> Page:
        """Return a page of whom our user follows; pending requests are not among them."""
        return self._lists.page(grant, Kind.FOLLOWING, cursor)

    def reserve(self, count: int) -> Sequence[str | None]:
        """Return no records: servers of this kind number their follows themselves."""
        return [None] * count

    def relationships(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Say what is now; `record` is the number of the actor on the person's own server."""
        home = home_of(self._context, grant)
        began = monotonic()
        of: dict[ActorId, Relationship | NetworkError] = {}
        seen: dict[ActorId, Seen] = {}
        for one in wanted:
            actor = one.actor
            if actor.id == grant.actor_id:
                of[actor.id] = Refused("target.self")
                continue
            if monotonic() - began > _LOOK_SECONDS:
                of[actor.id] = Unavailable("masto.remote_down")
                continue
            found = self._finder.find(home, grant, actor)
            if isinstance(found, Seen):
                seen[actor.id] = found
            else:
                of[actor.id] = found
        ties = home.relationships([one.id for one in seen.values()]) if seen else {}
        if home.hides_requests:
            ties = _told_apart(home, grant, ties, seen.values())
        for actor_id, found in seen.items():
            of[actor_id] = _as_it_is(found, ties.get(found.id))
        return Answers(of=of)

    def follow(self, grant: Grant, wanted: Sequence[Wanted]) -> Answers:
        """Follow each, once."""
        home = home_of(self._context, grant)
        of: dict[ActorId, Relationship | NetworkError] = {}
        budget: Budget | None = None
        for one in wanted:
            of[one.actor.id], budget = self._follow_one(home, grant, one)
        return Answers(of=of, budget=budget)

    def unfollow(self, grant: Grant, made: Sequence[Wanted]) -> Answers:
        """Take back follows and requests that are still there."""
        home = home_of(self._context, grant)
        return Answers(of={one.actor.id: self._unfollow_one(home, grant, one) for one in made})

    def _follow_one(
        self, home: Home, grant: Grant, wanted: Wanted
    ) -> tuple[Relationship | NetworkError, Budget | None]:
        if wanted.actor.id == grant.actor_id:
            return Refused("target.self"), None
        number = self._number(home, grant, wanted)
        if isinstance(number, NetworkError):
            return number, None
        reply = home.post(number, "follow")
        if reply.status == 404:  # the number may be an old one: find the actor anew, once
            self._finder.forget(grant, wanted.actor)
            found = self._finder.number(home, grant, wanted.actor)
            if isinstance(found, NetworkError):
                return found, None
            if found == number:
                return Gone("masto.gone"), None
            reply = home.post(number := found, "follow")
        budget = answers.budget(reply, self._context.clock.now())
        if reply.status == 200:
            return _followed(home, answers.relationship(answers.parsed(reply))), budget
        return _why_refused(home, number, reply.status), budget

    def _unfollow_one(self, home: Home, grant: Grant, made: Wanted) -> Relationship | NetworkError:
        number = self._number(home, grant, made)
        if isinstance(number, NetworkError):
            return number
        now = home.relationships([number]).get(number)
        if now is None:
            return Gone("masto.gone")
        if now.tie is Tie.NONE:
            return now
        reply = home.post(number, "unfollow")
        if reply.status == 404:
            return Gone("masto.gone")
        if reply.status != 200:
            return Refused("masto.refused")
        return Relationship(tie=Tie.NONE, record=number)

    def _number(self, home: Home, grant: Grant, wanted: Wanted) -> str | NetworkError:
        """Return the number found when we looked, else find it now."""
        return wanted.record or self._finder.number(home, grant, wanted.actor)


def _as_it_is(found: Seen, tie: Relationship | None) -> Relationship | NetworkError:
    """Join what the account and the relationship say."""
    if tie is None:  # suspended accounts are left out
        return Gone("masto.gone")
    if found.memorial and tie.tie is Tie.NONE:
        return Refused("masto.memorial")
    return replace(tie, moved_to=found.moved.actor_id if found.moved else None)


def _told_apart(
    home: Home, grant: Grant, ties: dict[str, Relationship], seen: Iterable[Seen]
) -> dict[str, Relationship]:
    """Tell requests from follows by the list of follows, where relationships call both the same."""
    if not any(tie.tie is Tie.FOLLOWING for tie in ties.values()):
        return ties
    try:
        listed = home.people(grant.secret["account_id"], "following", None).actors
    except Unavailable as error:
        if error.code != "net.too_large":  # it comes in one page, however long
            raise
        return ties
    accepted = {one.id for one in seen if one.actor_id in listed}
    return {
        number: replace(tie, tie=Tie.REQUESTED)
        if tie.tie is Tie.FOLLOWING and number not in accepted
        else tie
        for number, tie in ties.items()
    }


def _followed(home: Home, reply_tie: Relationship | None) -> Relationship:
    if reply_tie is None:
        raise Unavailable("net.garbage")
    # Takahe says no, and snac yes, before the other server was asked.
    if reply_tie.tie is Tie.NONE or home.hides_requests:
        return replace(reply_tie, tie=Tie.REQUESTED)
    return reply_tie


def _why_refused(home: Home, number: str, status: int) -> NetworkError:
    """Find out what a refusal means by looking, for its text is in any language."""
    if status == 422:  # 7,500 follows; above, followers count too (follow_limit_validator.rb)
        return Refused("masto.ceiling")
    if status == 406:
        return Refused("target.self")
    if status in (404, 410):
        return Gone("masto.gone")
    if status != 403:
        return Refused("masto.refused")
    account = home.account(number)
    if account is None or account.suspended:
        return Gone("masto.gone")
    if account.moved:
        return Gone("masto.moved", moved_to=account.moved.actor_id)
    tie = home.relationships([number]).get(number)
    if tie is not None and tie.blocked:
        return Refused("masto.blocked")
    if not allow_following(home.scopes):
        raise SignedOut("masto.scope_missing")
    if answers.is_limited(home.me()):
        raise Flagged("masto.limited")
    # A block by the other side does not always show.
    return Forbidden()
