"""What guards every request, before any route sees it and after any route answered.

`Languages` takes the language off the address. `Guard` refuses wrong hosts, requests that another
site made, and bodies that are too large; turns what nobody foresaw into a page; and puts our policy
on every answer.
Pure ASGI, so that streams and uploads pass through it as they are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openportability.errors import Busy, Invalid, NotAllowed
from openportability.web import cookies, i18n, large, measure, problems, rates, squeeze, threads
from openportability.web.house import House
from openportability.web.incoming import Incoming
from openportability.web.line import Line

#: Answers that machines ask for by whatever name they know us under.
_ANY_HOST = frozenset({"/healthz", "/readyz", "/metrics"})
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_MIB = 1024 * 1024
#: Most bytes of a body, by the beginning of the path; an archive without script comes whole.
_MOST_BYTES = (
    ("/archive/from", 64 * _MIB),
    ("/archive", 64 * 1024 * _MIB),
    ("/api/v1/archives", 64 * 1024 * _MIB),
    ("/api/v1/imports", 64 * _MIB),
    ("/my-data", 256 * _MIB),
    ("", 2 * _MIB),
)
#: Files of a form are spooled to disk, and so are lists; any other body is held in memory.
_MOST_LISTS_BYTES = 100 * _MIB
_LISTS = "application/vnd.openportability."


class Languages:
    """Takes the language off an address such as `/fr/about`, and keeps it from then on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        languages = scope["app"].state.languages
        connection = HTTPConnection(scope)
        prefix, path = i18n.split_prefix(scope["path"], languages)
        if prefix is not None:
            i18n.speak(languages[prefix])
            # Changed and not copied: whoever counts outside of us reads the route off it.
            scope.update(path=path, raw_path=path.encode())
            return self._app(scope, receive, _keeping_language(connection, prefix, send))
        kept = cookies.read(connection, cookies.LANGUAGE)
        accepted = connection.headers.get("accept-language", "")
        i18n.speak(i18n.choose(languages, kept=kept, accepted=accepted))
        return self._app(scope, receive, send)


def _keeping_language(connection: HTTPConnection, code: str, send: Send) -> Send:
    answer = Response()
    age = cookies.YEAR_SECONDS
    cookies.put(connection, answer, cookies.LANGUAGE, code, max_age_seconds=age)

    def send_on(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", answer.headers["set-cookie"])
        return send(message)

    return send_on


class Guard:
    """Refuses what must not reach a route, and dresses every answer.

    What is no request is the beginning of the event loop, whose threads are shared out then.
    """

    def __init__(self, app: ASGIApp, house: House, *, looks_wait: bool) -> None:
        self._app = app
        self._policy = policy(house)
        self._share_out = partial(
            threads.share_out, house.settings.web_threads, looks_wait=looks_wait
        )
        self._home = house.settings.base_url
        self._hosts = hosts(house)
        self._origins = {f"{self._home.partition(':')[0]}://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            self._share_out()
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._policy)
        request = Request(scope, receive)
        kind = request.headers.get("content-type", "")
        most = most_bytes(scope["path"], kind)
        coming = large.receiving(scope, receive)
        body = Incoming(coming, most, scope["app"].state.idle_seconds)
        try:
            if rates.is_shared(request):
                early = await threads.run_counting(self._early, request)
            else:
                early = self._early(request)
            if early is not None:
                await early(scope, receive, answer.send)
                return
            async with self._turn(request):
                await self._app(scope, body.receive, answer.send)
        except Busy as error:
            # At once: the threads may all be waiting, and who is to come back has waited enough.
            response = problems.answer(request, error)
            await response(scope, receive, answer.send)
        except ClientDisconnect:
            return  # nobody is there any more to be answered, and it is no fault of ours
        except Exception as error:
            # The last door: what nobody foresaw becomes a page with a number, the log has the rest.
            response = await run_in_threadpool(problems.broken, request, error)
            if answer.started:
                raise
            await response(scope, receive, answer.send)

    def _turn(self, request: Request) -> AbstractAsyncContextManager[None]:
        """Let who brings lists take their turn; raise `Busy` for who must wait."""
        if rates.rate_of(request.method, request.url.path) is not rates.UPLOAD:
            return nullcontext()
        house: House = request.app.state.site
        line: Line = request.app.state.line
        session = cookies.read(request, cookies.SESSION)
        said = request.headers.get("authorization", "") or session or ""
        return line.turn(house.vault.token_hash(f"line\0{said}"), house.clock.now())

    def _early(self, request: Request) -> Response | None:
        """Return the answer to a request that must not go further."""
        path = request.url.path
        if request.headers.get("host") not in self._hosts and path not in _ANY_HOST:
            return problems.answer(request, Invalid("svc.wrong_host"))
        if self._is_by_alias(request):
            return RedirectResponse(f"{self._home}{path}?{request.url.query}".rstrip("?"), 307)
        if is_cross_site(request.method, path, request.headers, self._origins):
            return problems.answer(request, NotAllowed("svc.cross_site"))
        try:
            rates.admit_address(request, request.method)
        except Busy as error:
            return problems.answer(request, error)
        if request.method == "POST" and is_large(path) and not request.app.state.knows(request):
            return problems.answer(request, NotAllowed("svc.signed_out"))
        length = request.headers.get("content-length", "0")
        kind = request.headers.get("content-type", "")
        if not length.isdecimal() or int(length) > most_bytes(path, kind):
            return problems.answer(request, Invalid("svc.too_large"))
        return None

    def _is_by_alias(self, request: Request) -> bool:
        """True for a browser that opens us as localhost: sign-ins need the one address we name."""
        visiting = request.headers.get("sec-fetch-mode") == "navigate" and request.method == "GET"
        return visiting and request.headers.get("host") != urlsplit(self._home).netloc


def policy(house: House) -> Mapping[str, str]:
    """Return the headers that every answer has, unless it says otherwise itself."""
    secure = house.settings.production
    # Browsers hold redirects against form-action too, and a sign-in goes on at another server:
    # https://github.com/w3c/webappsec-csp/issues/8
    forms = "'self' https:" if secure else "'self' https: http://127.0.0.1:* http://localhost:*"
    headers = {
        "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; "
        f"base-uri 'none'; frame-ancestors 'none'; form-action {forms}",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), "
        "browsing-topics=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    if secure:
        headers["Strict-Transport-Security"] = "max-age=63072000"
    return headers


def hosts(house: House) -> AbstractSet[str]:
    """Return the Host headers we answer to."""
    home = urlsplit(house.settings.base_url)
    if house.settings.production:
        return {home.netloc}
    port = f":{home.port}" if home.port else ""
    return {home.netloc, *(f"{name}{port}" for name in _LOOPBACK)}


def is_cross_site(
    method: str, path: str, headers: Mapping[str, str], origins: AbstractSet[str]
) -> bool:
    """Tell whether another site made this request, and it is one that changes something.

    Browsers send Sec-Fetch-Site, older ones Origin; what sends neither is no browser. A bearer
    token cannot be sent by another site without our leave, so the API's own clients pass.
    """
    if method in _SAFE:
        return False
    if path.startswith("/api/") and headers.get("authorization", "").startswith("Bearer "):
        return False
    fetched_from = headers.get("sec-fetch-site")
    if fetched_from is not None:
        return fetched_from not in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is not None and origin not in origins


def is_large(path: str) -> bool:
    """Say whether a path takes larger bodies than ordinary forms: from members only."""
    return _most(path) > _MOST_BYTES[-1][1]


def most_bytes(path: str, content_type: str) -> int:
    """Return how large a body may be that is sent to a path."""
    most, kind = _most(path), content_type.strip().lower()
    if kind.startswith("multipart/"):
        return most
    return min(most, _MOST_LISTS_BYTES if kind.startswith(_LISTS) else _MOST_BYTES[-1][1])


def install(app: FastAPI, house: House, *, looks_wait: bool) -> None:
    """Put the guards around all routes; the language comes before them, so that refusals speak it.

    What compresses stands around them, what counts around all. `looks_wait`: see `threads.share_out`.
    """
    app.add_middleware(Guard, house=house, looks_wait=looks_wait)
    app.add_middleware(Languages)
    app.add_middleware(squeeze.Squeeze)
    app.add_middleware(measure.Measure, tally=app.state.tally)


def _most(path: str) -> int:
    return next(most for beginning, most in _MOST_BYTES if path.startswith(beginning))


class _Answer:
    """Adds our policy to the head of an answer."""

    def __init__(self, send: Send, policy: Mapping[str, str]) -> None:
        self._send = send
        self._policy = policy
        self.started = False

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in self._policy.items():
                headers.setdefault(name, value)
        return self._send(message)
