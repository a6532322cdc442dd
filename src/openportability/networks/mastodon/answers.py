"""What servers of the Mastodon kind answer, read with suspicion; pure.

Status codes differ by software and texts are translated: no text is ever searched for words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import SplitResult, parse_qsl, urlsplit

from openportability import outbound
from openportability.domain import Actor, ActorId, Relationship, Tie
from openportability.errors import NetworkError, SignedOut, Throttled, Unavailable
from openportability.network import Budget
from openportability.outbound import Reply

#: New follows and requests an account may make in a UTC day (Mastodon, app/lib/rate_limiter.rb).
FOLLOWS_A_DAY = 400
#: One part of so many is left to the person.
_OF_FIVE = 5
#: No network lets anybody follow as many; a header may say any number, even one no column holds.
_MOST_LEFT = 1_000_000

_NEXT = re.compile(r'<([^<>]+)>\s*;[^,<]*\brel="?next"?')


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An account as one server shows it."""

    #: Its number there, and only there.
    id: str
    #: `user`, or `user@domain` when it lives elsewhere (some servers always write the domain).
    acct: str
    username: str
    #: The actor URI; servers before 4.2 do not say.
    uri: str | None
    url: str | None
    name: str
    avatar: str | None
    moved: Seen | None
    suspended: bool
    memorial: bool

    @property
    def actor_id(self) -> ActorId:
        """The best name we have for the actor: its URI, else its page."""
        return ActorId(self.uri or self.url or "")


def parsed(reply: Reply) -> object:
    """Return the JSON of an answer; None where there is none."""
    try:
        found: object = reply.json()
    except NetworkError:
        return None
    return found


def mapping(reply: Reply) -> Mapping[str, object]:
    """Return the JSON object of an answer; an empty one where there is none."""
    found = parsed(reply)
    return found if isinstance(found, dict) else {}


def text(found: Mapping[str, object], name: str) -> str | None:
    """Return a non-empty text member, or None."""
    value = found.get(name)
    return value if isinstance(value, str) and value else None


def account(found: object) -> Seen | None:
    """Read an account; None where it cannot be one."""
    if not isinstance(found, dict):
        return None
    number = found.get("id")
    username, acct = text(found, "username"), text(found, "acct")
    if not isinstance(number, str | int) or username is None or acct is None:
        return None
    return Seen(
        id=str(number),
        acct=acct,
        username=username,
        uri=text(found, "uri") or _uri_of_pleroma(found),
        url=text(found, "url"),
        name=(text(found, "display_name") or username).strip()[:200],
        avatar=text(found, "avatar"),
        moved=account(found.get("moved")),
        suspended=found.get("suspended") is True,
        memorial=found.get("memorial") is True,
    )


def is_limited(reply: Reply) -> bool:
    """Tell whether an account, as a server shows it, is held back by those who run it."""
    found = mapping(reply)
    return found.get("limited") is True or found.get("suspended") is True


def _uri_of_pleroma(found: Mapping[str, object]) -> str | None:
    more = found.get("pleroma")
    return text(more, "ap_id") if isinstance(more, dict) else None


def is_actor(seen: Seen, actor: Actor, instance: str) -> bool:
    """Tell whether an account that `instance` shows is the recorded actor, and not its namesake."""
    if seen.uri:
        # Signed in where URIs are not shown, an actor was recorded by the page.
        by_page = seen.url == actor.id and netloc(seen.url) == netloc(seen.uri)
        return seen.uri == actor.id or by_page
    if seen.url == actor.id:
        return True
    acct = seen.acct if "@" in seen.acct else f"{seen.acct}@{instance}"
    return acct.lower() == actor.handle.lower()


def relationship(found: object) -> Relationship | None:
    """Read a relationship; None where it cannot be one."""
    if not isinstance(found, dict) or not isinstance(found.get("id"), str | int):
        return None
    tie = Tie.NONE
    if found.get("following") is True:
        tie = Tie.FOLLOWING
    elif found.get("requested") is True:
        tie = Tie.REQUESTED
    barriers = ("blocking", "blocked_by", "domain_blocking")
    blocked = any(found.get(barrier) is True for barrier in barriers)
    return Relationship(tie=tie, record=str(found["id"]), blocked=blocked)


def shows(found: object, number: str, mark: str) -> bool | None:
    """Read from a relationship with this account whether it has a mark; None where it is no such thing."""
    if not isinstance(found, dict) or str(found.get("id")) != number:
        return None
    return found.get(mark) is True


def next_cursor(reply: Reply) -> str | None:
    """Return the query of the next page; the address before it is ours to choose, not theirs."""
    found = _NEXT.search(reply.headers.get("link", ""))
    if not found:
        return None
    query = parts(found[1]).query
    return query if parse_qsl(query) else None


def budget(reply: Reply, now: datetime) -> Budget | None:
    """Return what is left of today's follows, where the answer tells of that limit."""
    remaining = reply.headers.get("x-ratelimit-remaining", "")
    if not tells_of_follows(reply) or not remaining.isdecimal():
        return None
    reset_at = outbound.reset_time(reply.headers, now) or next_day(now)
    return Budget(remaining=min(int(remaining[:9]), _MOST_LEFT), reset_at=reset_at)


def tells_of_follows(reply: Reply) -> bool:
    """Tell whether the limit in the headers is the one on new follows."""
    return reply.headers.get("x-ratelimit-limit") == str(FOLLOWS_A_DAY)


def keep_some(reply: Reply, now: datetime, *, everyone: bool) -> None:
    """Raise when the requests that a token may make are nearly used up: a fifth is the person's own.

    Where they are counted by address, it is for `everyone` there who comes after us.
    """
    limit = reply.headers.get("x-ratelimit-limit", "")
    left = reply.headers.get("x-ratelimit-remaining", "")
    until = outbound.reset_time(reply.headers, now)
    if tells_of_follows(reply) or not limit.isdecimal() or not left.isdecimal() or until is None:
        return
    if int(left[:9]) < int(limit[:9]) // _OF_FIVE:
        raise Throttled(until, "masto.throttled", everyone=everyone)


def next_day(now: datetime) -> datetime:
    """Return the next midnight UTC, when the count of follows starts again."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def raise_for(reply: Reply, now: datetime, *, everyone: bool = False) -> None:
    """Raise what an answer means for all that this account asks; return if it concerns one call.

    `everyone`: this server counts requests by address, so a limit is that of all whom we serve there.
    """
    until = outbound.reset_time(reply.headers, now)
    match reply.status:
        case 401:
            raise SignedOut("masto.token_lost")
        case 422 if not reply.body.strip():  # snac's way to say 401
            raise SignedOut("masto.token_lost")
        case 403 if lacks_scope(reply):
            raise SignedOut("masto.scope_missing")
        case status if 300 <= status < 400:  # Pixelfed sends the signed out to its login page
            path = parts(reply.headers.get("location", "")).path
            raise SignedOut("masto.token_lost") if path == "/login" else Unavailable()
        case 429 if tells_of_follows(reply):
            raise Throttled(until or next_day(now), "masto.day_quota")
        case 429:
            raise Throttled(until, "masto.throttled", everyone=everyone)
        case 503 if "retry-after" in reply.headers:  # GoToSocial under load
            raise Throttled(until, "masto.throttled", everyone=True)
        case status if status >= 500:
            raise Unavailable


def lacks_scope(reply: Reply) -> bool:
    """Tell whether a refusal says, in the header made for it, that a scope is missing."""
    said = reply.headers.get("www-authenticate", "")
    return "insufficient_scope" in said or "invalid_scope" in said


def netloc(url: str | None) -> str:
    """Return host and port of an address, lower case; empty where it has none."""
    return parts(url).netloc.lower()


def parts(url: str | None) -> SplitResult:
    """Return the parts of an address that a server gave; all empty where it is none."""
    try:
        return urlsplit(url or "")
    except ValueError:
        return urlsplit("")
