"""Stand-in servers: a function from a question to a reply, on loopback or behind any host name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import httpx2


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request, taken apart."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    form: Mapping[str, list[str]]
    headers: Mapping[str, str]

    def value(self, name: str) -> str:
        """Return a form field or a query parameter; empty where it is missing."""
        return (self.form.get(name) or self.query.get(name) or [""])[0]

    @property
    def bearer(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass(frozen=True, kw_only=True)
class Said:
    """A reply; a dict or list is sent as JSON. Status 0 hangs up without a word."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> tuple[bytes, str]:
        if isinstance(self.body, str):
            return self.body.encode(), "text/html; charset=utf-8"
        return json.dumps(self.body).encode(), "application/json; charset=utf-8"


Answer = Callable[[Question], Said]


def transport(servers: Mapping[str, Answer]) -> httpx2.MockTransport:
    """Return a transport that leads each host name to its stand-in; other hosts do not exist."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        answer = servers.get(request.url.netloc.decode())
        if answer is None:
            raise httpx2.ConnectError("no such host", request=request)
        said = answer(_question(request.method, str(request.url), request.read(), request.headers))
        if not said.status:
            raise httpx2.RemoteProtocolError("hung up", request=request)
        body, media = said.encoded()
        headers = {"content-type": media, **said.headers}
        return httpx2.Response(said.status, headers=headers, content=body)

    return httpx2.MockTransport(handle)


@contextmanager
def serve(answer: Answer) -> Iterator[str]:
    """Serve a stand-in on a free port of loopback and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def answer_with_stand_in(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            said = answer(_question(self.command, self.path, body, headers))
            if not said.status:
                self.close_connection = True
                return
            encoded, media = said.encoded()
            self.send_response(said.status)
            for name, value in {"content-type": media, **said.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def __getattr__(self, name: str) -> object:
            if name.startswith("do_"):  # every method is answered alike
                return self.answer_with_stand_in
            raise AttributeError(name)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _question(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Question:
    parts = urlsplit(url)
    return Question(
        method=method,
        path=parts.path,
        query=parse_qs(parts.query, keep_blank_values=True),
        form=parse_qs(body.decode(), keep_blank_values=True),
        headers=headers,
    )
