"""Who signed in: what their server may truly say, and no more.

A server may claim any domain, handle and actor URI. Its own word holds for its own host; for
another domain only where that domain itself leads back to this host. That it knows an actor of
that URI proves nothing: it says so of all its people, and anybody may repeat their names.
"""

from __future__ import annotations

from dataclasses import dataclass

from openportability.domain import ActorId
from openportability.errors import Invalid, NetworkError, Unavailable
from openportability.networks.mastodon import answers, discovery, syntax
from openportability.networks.mastodon.answers import Seen
from openportability.networks.mastodon.home import Home
from openportability.networks.mastodon.servers import Servers

_LONGEST_URI = 500


@dataclass(frozen=True, kw_only=True)
class Established:
    """An identity that may be recorded."""

    actor_id: ActorId
    #: The account's number on its own server.
    number: str
    username: str
    #: What the handle ends with.
    domain: str
    name: str
    avatar: str | None


def establish(home: Home, servers: Servers, *, host: str, claimed_domain: str) -> Established:
    """Ask a server whose token this is, and check what it says of other domains."""
    seen = _signed_in(home)
    uri = seen.uri or discovery.self_link(home.context, seen.username, host) or seen.url
    domain = host
    if (
        claimed_domain != host
        and uri
        and _leads_back(home, servers, seen, claimed_domain, host, uri)
    ):
        domain = claimed_domain
    if uri is None or not _may_name(home, uri, {host, domain}):
        uri = f"{home.api}/@{seen.username}"
    avatar = seen.avatar if answers.parts(seen.avatar).scheme == "https" else None
    return Established(
        actor_id=ActorId(uri),
        number=seen.id,
        username=seen.username,
        domain=domain,
        name=seen.name,
        avatar=avatar,
    )


def _signed_in(home: Home) -> Seen:
    reply = home.me()
    if reply.status == 403:
        raise Invalid("masto.login_disabled")
    answers.raise_for(reply, home.context.clock.now())
    seen = answers.account(answers.parsed(reply)) if reply.status == 200 else None
    if seen is None or not syntax.is_user(seen.username):
        raise Unavailable("net.garbage")
    return seen


def _leads_back(home: Home, servers: Servers, seen: Seen, domain: str, host: str, uri: str) -> bool:
    """Tell whether a domain names this actor, and by its own word leaves it to this host."""
    lives_at = answers.netloc(uri)
    if lives_at not in (host, domain):
        return False
    try:
        is_named = discovery.self_link(home.context, seen.username, domain) == uri
        return is_named and (lives_at == host or _is_served_by(servers, domain, host))
    except NetworkError:
        if lives_at == domain:  # without that domain's word there is no id to record
            raise
        return False


def _is_served_by(servers: Servers, domain: str, host: str) -> bool:
    """Tell whether who starts at a domain comes to this host."""
    try:
        return servers.at(domain).host == host
    except Invalid:
        raise Unavailable from None


def _may_name(home: Home, uri: str, hosts: set[str]) -> bool:
    schemes = ("https", "http") if home.context.development else ("https",)
    return (
        len(uri) <= _LONGEST_URI
        and uri.isascii()
        and uri.isprintable()
        and answers.parts(uri).scheme in schemes
        and answers.netloc(uri) in hosts
    )
