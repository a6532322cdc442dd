"""From the server a person typed to the server we speak with, and what that one can.

People know the domain of their handle; the API may answer at another host. A server may also lie
about its domain, so a domain counts only once WebFinger on that very domain leads back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urljoin, urlsplit

from openportability import outbound
from openportability.clock import monotonic
from openportability.errors import Invalid, Refused, Throttled, Unavailable
from openportability.network import Context
from openportability.networks.mastodon import answers, syntax
from openportability.outbound import Reply

_JSON = "application/json"
#: Redirects that a look-up of the well-known addresses may take, from host to host.
_HOPS = 3
#: With these the door says that nobody answered, so there is no more to ask there.
_SILENT = frozenset({"net.unreachable", "net.timeout"})
#: All that one question of ours may take, and each request for it.
_QUESTION_SECONDS = 20.0
_REQUEST_SECONDS = 10.0
#: A domain leads to its server by one redirect or link; a few more are patience enough.
_MOST_HOSTS = 3
_MOST_LINKS = 10
_LONGEST_LINK = 500
#: Host-meta is a few lines. Both bounds keep a hostile page from taking the time of its square.
_MOST_TEXT = 16_384
_LRDD = re.compile(r'<Link\b[^>]{0,500}\btemplate="([^"]{1,500})"', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server as it describes itself."""

    #: Where its API answers: the instance of its accounts.
    host: str
    #: What it says its handles end with; believed once `leads_back` says so.
    domain: str
    #: Scopes it publishes; None where it publishes none (before 4.3, and much other software).
    scopes: frozenset[str] | None
    #: Pleroma and its kin return without a code unless told to ask again.
    asks_again: bool
    #: GoToSocial counts requests by the address they come from, whoever they are for.
    counts_addresses: bool
    #: snac shows a request that nobody has accepted yet as a follow; its list of follows tells.
    hides_requests: bool


def origin(context: Context, host: str) -> str:
    """Return the address of a host: https, but for this machine during development."""
    local = context.development and host.partition(":")[0] in ("localhost", "127.0.0.1")
    return f"{'http' if local else 'https'}://{host}"


def discover(context: Context, typed_host: str) -> Server:
    """Find the server behind a host that somebody typed.

    Raise `Invalid` where there is none, `Unavailable` where one says that it is out of order.
    """
    answered = False
    away: Unavailable | None = None
    errand = _Errand(context=context, until=monotonic() + _QUESTION_SECONDS)
    for host in islice(_candidates(errand, typed_host), _MOST_HOSTS):
        try:
            server = _described(errand, host)
        except Refused:
            continue
        except Unavailable as error:
            if error.code in _SILENT and host == typed_host:
                break
            if error.code == Unavailable.default_code:
                away = error
            continue
        answered = True
        if server is not None:
            return server
    if away is not None:
        raise away
    code = "masto.no_oauth" if answered else "masto.host_unknown"
    raise Invalid(code, host=typed_host)


def self_link(context: Context, user: str, domain: str) -> str | None:
    """Return the actor URI that WebFinger on a domain gives for `user@domain`; None if it has none.

    Raise `Unavailable` where the domain does not say.
    """
    resource = f"acct:{syntax.spell(user, domain)}"
    url = f"{origin(context, domain)}/.well-known/webfinger?resource={resource}"
    errand = _Errand(context=context, until=monotonic() + _QUESTION_SECONDS)
    try:
        reply = errand.look_up(url, "application/jrd+json, application/json")
    except Refused:
        return None
    if reply.status not in (200, 400, 404, 410):
        raise Unavailable
    links = answers.mapping(reply).get("links") if reply.status == 200 else None
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("rel") == "self":
            media, href = answers.text(link, "type") or "", answers.text(link, "href")
            if href and ("activity+json" in media or "activitystreams" in media):
                return href
    return None


@dataclass(frozen=True, kw_only=True)
class _Errand:
    """All that is asked for one question of ours. It ends in time, however slow the servers are."""

    context: Context
    until: float

    def get(self, url: str, accept: str) -> Reply:
        left = self.until - monotonic()
        if left <= 0:
            raise Unavailable("net.timeout", host=answers.netloc(url))
        return self.context.door.request(
            "GET", url, headers={"Accept": accept}, timeout_seconds=min(left, _REQUEST_SECONDS)
        )

    def look_up(self, url: str, accept: str) -> Reply:
        """Get a well-known address, following it from host to host; the door checks each."""
        for _ in range(_HOPS + 1):
            reply = self.get(url, accept)
            location = reply.headers.get("location")
            if not 300 <= reply.status < 400 or not location:
                return reply
            try:
                url = urljoin(url, location)
            except ValueError:
                break  # no address at all
            if urlsplit(url).scheme == "http" and not self.context.development:
                break
        raise Unavailable


def _candidates(errand: _Errand, typed_host: str) -> Iterator[str]:
    """The host itself, then the hosts that its well-known addresses lead to; each once."""
    yield typed_host
    given = {typed_host}
    base = origin(errand.context, typed_host)
    for path in ("/.well-known/nodeinfo", "/.well-known/host-meta"):
        try:
            reply = errand.look_up(base + path, "*/*")
        except (Unavailable, Refused):
            continue
        for url in (reply.url, *_links(reply)):
            try:
                host = syntax.host_of(answers.netloc(url), development=errand.context.development)
            except Invalid:
                continue
            if host not in given:
                given.add(host)
                yield host


def _links(reply: Reply) -> Iterator[str]:
    links = answers.mapping(reply).get("links")
    for link in links[:_MOST_LINKS] if isinstance(links, list) else []:
        href = answers.text(link, "href") if isinstance(link, dict) else None
        if href and len(href) <= _LONGEST_LINK:
            yield href
    found = _LRDD.finditer(reply.text[:_MOST_TEXT])
    yield from (link[1] for link in islice(found, _MOST_LINKS))


def _described(errand: _Errand, host: str) -> Server | None:
    """Ask a host what it is; None where it has no API of this kind, `Unavailable` where it cannot say."""
    base = origin(errand.context, host)
    for version in ("v2", "v1"):
        reply = errand.get(f"{base}/api/{version}/instance", _JSON)
        if reply.status == 429:
            until = outbound.reset_time(reply.headers, errand.context.clock.now())
            raise Throttled(until, "masto.throttled")
        described = answers.mapping(reply)
        if reply.status == 200 and ("domain" in described or "uri" in described):
            return _server(errand, host, described)
        if reply.status in (401, 403):  # it shows itself to its members only
            return _server(errand, host, {})
    if reply.status >= 500:
        raise Unavailable(host=host)
    return None


def _server(errand: _Errand, host: str, described: Mapping[str, object]) -> Server:
    named = answers.text(described, "domain") or answers.text(described, "uri") or host
    try:
        domain = syntax.host_of(
            answers.netloc(named) or named.rstrip("/"), development=errand.context.development
        )
    except Invalid:
        domain = host
    version = answers.text(described, "version") or ""
    source = answers.parts(answers.text(described, "source_url")).path
    return Server(
        host=host,
        domain=domain,
        scopes=_published_scopes(errand, host),
        asks_again=re.search(r"\b(pleroma|akkoma)\b", version, re.IGNORECASE) is not None,
        counts_addresses=source.rstrip("/").lower().endswith("/gotosocial"),
        hides_requests=re.search(r"\bsnac\b", version, re.IGNORECASE) is not None,
    )


def _published_scopes(errand: _Errand, host: str) -> frozenset[str] | None:
    url = f"{origin(errand.context, host)}/.well-known/oauth-authorization-server"
    reply = errand.get(url, _JSON)
    scopes = answers.mapping(reply).get("scopes_supported") if reply.status == 200 else None
    if not isinstance(scopes, list):
        return None
    return frozenset(scope for scope in scopes if isinstance(scope, str))
