"""The only door out: every request of this program to another machine leaves here.

People type the names of servers, and servers name other servers, so a request must not become a
way into our own house. The door takes https alone, resolves a name once, wants every address of it
to be a public one, and connects to the very address it checked. Time and size are limited as a
whole. In development (`allow_loopback`) it also reaches this machine, by plain http too. Nothing of
a query, a header or a body is logged.
"""

from __future__ import annotations

import json as jsonlib
import logging
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache, partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, cast

import dns.exception
import dns.resolver
import httpcore2
import httpx2

from openportability.clock import EPOCH, Clock, monotonic
from openportability.errors import Refused, Unavailable

Resolve = Callable[[str, int], Sequence[str]]
Parameters = Mapping[str, str | int | Sequence[str]]

#: Enough for 16 web threads and 32 workers, each asking one server at a time.
_MOST_CONNECTIONS = 64
_MOST_KEPT_ALIVE = 32
_KEEP_ALIVE_SECONDS = 15.0
#: A write is sliced, so that a peer that reads slowly cannot stretch the time limit far.
_SLICE_BYTES = 16_384
_TEXT_RECORD_SECONDS = 5.0
#: Whom all believe. Reading them takes 45 ms of a processor, so all doors share what is read once.
_believed = cache(partial(httpx2.create_ssl_context, trust_env=False))
#: The longest wait we take from a header: every network's longest window is a day.
_LONGEST_WAIT = timedelta(days=1)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REPEATABLE = frozenset({"GET", "HEAD"})
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_VALUE = re.compile(r"[ -~]*")
#: A host name with a dot in it. What ends in a number is an address somehow spelt: 127.1, 0x7f.1.
_NAME = re.compile(r"(?!.{254})([a-z0-9_-]{1,63}\.)+(?!\d+\.?$|0x[0-9a-f]*\.?$)[a-z0-9_-]{1,63}\.?")
#: What leads elsewhere or nowhere, which `is_global` may not know; all of IPv6 but 2000::/3.
#: https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry.
_NOT_PUBLIC = [
    *map(ip_network, ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/3")),
    *map(ip_network, ("::/3", "4000::/2", "8000::/1", "2001::/23", "2002::/16", "3fff::/20")),
]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a server answered, read to its end."""

    status: int
    #: Names may be given in any case.
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    #: The address that answered: another one than asked only after a redirect.
    url: str = field(repr=False)
    #: When it came.
    at: datetime

    def json(self) -> Any:
        """Return the body as JSON; raise `Unavailable` when it is something else."""
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError):
            raise Unavailable("net.garbage", host=httpx2.URL(self.url).host) from None

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")


class Door:
    """Sends requests and returns replies. One for the whole program, for any number of threads."""

    def __init__(
        self,
        *,
        clock: Clock,
        allow_loopback: bool,
        extra_ca_file: Path | None,
        user_agent: str,
        transport: httpx2.BaseTransport | None = None,
        resolve: Resolve | None = None,
        nameserver: tuple[str, int] | None = None,
    ) -> None:
        """`transport`, `resolve` and `nameserver` are for stand-ins of the real world."""
        # At debug level this library would write headers, and with them tokens.
        logging.getLogger("httpcore2").setLevel(logging.WARNING)
        self._clock = clock
        self._allow_loopback = allow_loopback
        self._user_agent = user_agent
        self._nameserver = nameserver
        self._call = _Call()
        self._guard = _Guard(self._call, resolve or _look_up, allow_loopback=allow_loopback)
        tls = httpx2.create_ssl_context(trust_env=False) if extra_ca_file else _believed()
        if extra_ca_file:
            tls.load_verify_locations(extra_ca_file)
        self._kept = transport or _Pool(self._guard, tls, kept_alive=_MOST_KEPT_ALIVE)
        self._fresh = transport or _Pool(self._guard, tls, kept_alive=0)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Parameters | None = None,
        form: Parameters | None = None,
        json: Any = None,
        body: bytes | None = None,
        timeout_seconds: float = 10.0,
        most_bytes: int = 1_048_576,
        redirects: int = 0,
        fresh: bool = False,
    ) -> Reply:
        """Ask a server, all in all for at most `timeout_seconds`, and return what it answers.

        `params` join the query of `url`. A GET follows at most `redirects` redirects, all within
        the same server; any other is returned as the reply it is. `fresh` uses its own connection.
        Raise `Unavailable` without a usable answer, `Refused` for where we do not go.
        """
        target = self._checked(url)
        if params is not None:
            target = target.copy_merge_params(params)
        self._call.deadline = monotonic() + timeout_seconds
        request = self._build(method, target, headers, data=form, json=json, content=body)
        for _ in range(redirects):
            reply = self._ask(request, most_bytes=most_bytes, fresh=fresh)
            onward = self._onward(request, reply)
            if onward is None:
                return reply
            request = self._build(method, onward, headers)
        return self._ask(request, most_bytes=most_bytes, fresh=fresh)

    def text_records(self, name: str) -> list[str]:
        """Return the TXT records of a name, maybe none; `Unavailable` when nobody knows."""
        try:
            resolver = dns.resolver.Resolver(configure=not self._nameserver)
            if self._nameserver:
                resolver.nameservers, resolver.port = [self._nameserver[0]], self._nameserver[1]
            answer = resolver.resolve(name, "TXT", lifetime=_TEXT_RECORD_SECONDS, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            timeout = isinstance(error, dns.exception.Timeout)
            raise Unavailable("net.timeout" if timeout else "net.unreachable", host=name) from None
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]

    def close(self) -> None:
        """Close all connections."""
        for part in (self._kept, self._fresh, self._guard):
            part.close()

    def _checked(self, url: str) -> httpx2.URL:
        """Return the URL without its fragment, if it is one that we go to at all."""
        try:
            target = httpx2.URL(url).copy_with(fragment=None)
            host = target.raw_host.decode("ascii")
        except (httpx2.InvalidURL, ValueError):
            raise Refused("net.address") from None
        ours = self._allow_loopback and _is_loopback(host)
        schemes = {"https", "http"} if ours else {"https"}
        wrong = target.scheme not in schemes or target.userinfo or (target.port or 0) > 65535
        if wrong or not (ours or _NAME.fullmatch(host)):
            raise Refused("net.address", host=host)
        return target

    def _build(
        self, method: str, target: httpx2.URL, headers: Mapping[str, str] | None, **content: Any
    ) -> httpx2.Request:
        own = {"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
        for name, value in (headers or {}).items():
            if not _HEADER.fullmatch(name) or not _VALUE.fullmatch(value):
                raise Unavailable("net.garbage", host=target.host)
        lines = httpx2.Headers(own)
        lines.update(headers)
        return httpx2.Request(method, target, headers=lines, **content)

    def _ask(self, request: httpx2.Request, *, most_bytes: int, fresh: bool) -> Reply:
        host = request.url.host
        try:
            try:
                return self._exchange(self._fresh if fresh else self._kept, request, most_bytes)
            except (httpx2.NetworkError, httpx2.RemoteProtocolError):
                if request.method not in _REPEATABLE or self._call.opened or self._call.heard:
                    raise
                # A kept connection that the server had closed: nothing was said, so say it again.
                return self._exchange(self._fresh, request, most_bytes)
        except (httpx2.TimeoutException, _TooLate):
            raise Unavailable("net.timeout", host=host) from None
        except httpx2.TransportError as error:
            garbage = self._call.heard and isinstance(error, httpx2.ProtocolError)
            raise Unavailable("net.garbage" if garbage else "net.unreachable", host=host) from None

    def _exchange(
        self, transport: httpx2.BaseTransport, request: httpx2.Request, most_bytes: int
    ) -> Reply:
        """Send once, and read the answer until it is over, too large or too late."""
        self._call.opened = self._call.heard = False
        request.extensions = {"timeout": {"pool": self._call.remaining()}}
        response = transport.handle_request(request)
        body = bytearray()
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                # We asked for none; what is packed could be a thousand times its size.
                raise Unavailable("net.garbage", host=request.url.host)
            for chunk in cast(httpx2.SyncByteStream, response.stream):
                body += chunk
                if len(body) > most_bytes:
                    raise Unavailable("net.too_large", host=request.url.host)
                self._call.remaining()
        finally:
            response.close()
        return Reply(
            status=response.status_code,
            headers=response.headers,
            body=bytes(body),
            url=str(request.url),
            at=self._clock.now(),
        )

    def _onward(self, request: httpx2.Request, reply: Reply) -> httpx2.URL | None:
        """Return where a redirect leads, if we may go there."""
        location = reply.headers.get("location")
        if reply.status not in _REDIRECTS or request.method not in _REPEATABLE or not location:
            return None
        try:
            onward = self._checked(str(request.url.join(location)))
        except (httpx2.InvalidURL, ValueError, Refused):
            return None
        same = (onward.scheme, onward.netloc) == (request.url.scheme, request.url.netloc)
        return onward if same else None


def reset_time(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Return when to come back, as the headers say; None when they do not, or name a time gone by.

    Read are `Retry-After` (seconds or a date) and the reset headers in use (seconds since 1970 or
    an ISO time). No wait is longer than a day, whatever a server says.
    """
    retry_after = headers.get("retry-after", "")
    found = [_parsed(lambda text: now + timedelta(seconds=float(text)), retry_after)]
    found.append(_parsed(parsedate_to_datetime, retry_after))
    for reset in map(headers.get, ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")):
        found.append(_parsed(lambda text: EPOCH + timedelta(seconds=float(text)), reset or ""))
        found.append(_parsed(datetime.fromisoformat, reset or ""))
    first = next((moment for moment in found if moment is not None and moment > now), None)
    return None if first is None else min(first, now + _LONGEST_WAIT)


def _parsed(parse: Callable[[str], datetime], text: str) -> datetime | None:
    try:
        moment = parse(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_loopback(host: str) -> bool:
    if host.rstrip(".") == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host.strip("[]")).is_loopback
    return False


def _is_public(text: str) -> bool:
    with suppress(ValueError):  # an IPv6 address with a zone, such as fe80::1%eth0
        address = ip_address(text)
        return address.is_global and not any(address in network for network in _NOT_PUBLIC)
    return False


def _look_up(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class _TooLate(Exception):
    """The time for the whole request is over."""


class _Call(threading.local):
    """The request that a thread has under way; all of it happens in that thread."""

    #: When it must be over.
    deadline = 0.0
    #: A connection was opened for it, instead of taking a kept one.
    opened = False
    #: The server said something.
    heard = False

    def remaining(self) -> float:
        """Return the seconds left; raise when there are none."""
        left = self.deadline - monotonic()
        if left <= 0:
            raise _TooLate
        return left


class _Guard(httpcore2.NetworkBackend):
    """Opens connections to checked addresses only."""

    def __init__(self, call: _Call, resolve: Resolve, *, allow_loopback: bool) -> None:
        self._call = call
        self._resolve = resolve
        self._allow_loopback = allow_loopback
        self._sockets = httpcore2.SyncBackend()
        # The system's resolver has no time limit of its own, so it is waited for from outside.
        self._look_ups = ThreadPoolExecutor(_MOST_CONNECTIONS, thread_name_prefix="look-up")

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore2.NetworkStream:
        self._call.opened = True
        addresses = self._addresses(host, port)
        for address in addresses:
            # An address that does not answer leaves a fair part of the time to the next ones.
            patience = self._call.remaining() / len(addresses)
            with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                return _Stream(self._sockets.connect_tcp(address, port, patience), self._call)
        self._call.remaining()
        raise httpcore2.ConnectError("no address answers")

    def close(self) -> None:
        self._look_ups.shutdown(wait=False, cancel_futures=True)

    def _addresses(self, host: str, port: int) -> list[str]:
        """Resolve a name; raise `Refused` unless all its addresses are ones that we go to."""
        waiting = self._look_ups.submit(self._resolve, host.strip("[]"), port)
        try:
            found = list(dict.fromkeys(waiting.result(self._call.remaining())))
        except TimeoutError:
            waiting.cancel()
            raise _TooLate from None
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(str(error)) from None
        for address in found:
            if not (_is_public(address) or (self._allow_loopback and _is_loopback(address))):
                raise Refused("net.address", host=host)
        return found


class _Stream(httpcore2.NetworkStream):
    """A connection that gives each call no more time than it has left."""

    def __init__(self, stream: httpcore2.NetworkStream, call: _Call) -> None:
        self._stream = stream
        self._call = call

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        read = self._stream.read(max_bytes, self._call.remaining())
        self._call.heard = self._call.heard or bool(read)
        return read

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for at in range(0, len(buffer), _SLICE_BYTES):
            self._stream.write(buffer[at : at + _SLICE_BYTES], self._call.remaining())

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = self._call.remaining()
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._call)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


class _Pool(httpx2.HTTPTransport):
    """Connections that only the guard opens: the library takes a backend in no other way."""

    def __init__(self, guard: _Guard, tls: Any, *, kept_alive: int) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls,
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=kept_alive,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
            network_backend=guard,
        )
