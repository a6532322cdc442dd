"""People who come to a site that runs: each counts how long each step takes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPMessage, HTTPResponse
from http.cookies import SimpleCookie
from random import Random
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np

from bench.running import Running
from openportability.archives import wire
from openportability.archives.archive import Archive
from openportability.archives.reader import ReadFile
from openportability.archives.rules import Owner
from openportability.domain import ActorId, Kind
from openportability.graph.codec import Keys

_PATIENCE_SECONDS = 120.0
#: How often somebody looks whether matches are there.
_LOOK_SECONDS = 0.5
#: How many of those who come today one knows.
_KNOWN = 30
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


@dataclass(kw_only=True)
class Comer:
    """Somebody of the simulated world and their browser."""

    base_url: str
    port: int
    #: Their ids and handles on both networks.
    homes: Mapping[str, tuple[str, str]]
    lists: bytes = field(repr=False)
    #: How long each step took.
    ms: dict[str, float] = field(default_factory=dict)
    #: How often an upload was told to come back.
    turned_away: int = 0
    _cookies: dict[str, str] = field(default_factory=dict)

    def sign_in(self) -> None:
        """Sign in on both networks, to the new one with the right to follow, and be found."""
        with self._counted("sign_in"):
            for network, purpose in (("bird", "identify"), ("sky", "follow")):
                who, handle = self.homes[network]
                page = self._post(f"/auth/{network}/start", purpose=purpose, typed=handle)
                form = {"who": who, "answer": "allow"}
                back = self._post(page.headers["location"], **form)
                done = self._ask("GET", back.headers["location"])
                assert done.status == 303, done.status
                self._ask("GET", done.headers["location"])
            self._send("/api/v1/consents", _JSON, b'{"found": "anyone"}', method="PUT")

    def upload(self) -> None:
        """Send the lists as a browser that has read the archive does; come back if told to."""
        with self._counted("upload"):
            while (
                answer := self._send("/api/v1/archives", wire.MEDIA_TYPE, self.lists)
            ).status == 503:
                self.turned_away += 1
                time.sleep(float(answer.headers["retry-after"]))
            assert answer.status == 201, answer.status

    def see_matches(self) -> None:
        """Look at the matches until somebody is there."""
        give_up = time.monotonic() + _PATIENCE_SECONDS
        with self._counted("matches"):
            while not self._read("/api/v1/matches?limit=1")["items"]:
                assert time.monotonic() < give_up, "nobody was found"
                time.sleep(_LOOK_SECONDS)

    def start(self) -> None:
        """Plan for all, and start."""
        with self._counted("start"):
            body = json.dumps({"scope": "all"}).encode()
            planned = json.loads(self._send("/api/v1/plans", _JSON, body).body)
            done = self._send(f"/api/v1/plans/{planned['plan_id']}/start", _JSON, b"{}")
            assert done.status == 202, done.status

    def open(self, page: str) -> float:
        """Open a page; return the milliseconds it took."""
        began = time.perf_counter()
        answer = self._ask("GET", page)
        assert answer.status == 200, (page, answer.status)
        return (time.perf_counter() - began) * 1000

    @contextmanager
    def _counted(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.ms[step] = (time.perf_counter() - began) * 1000

    def _read(self, path: str) -> Any:
        answer = self._ask("GET", path)
        assert answer.status == 200, (path, answer.status)
        return json.loads(answer.body)

    def _post(self, address: str, **form: str) -> _Answer:
        answer = self._send(address, _FORM, urlencode(form).encode())
        assert answer.status == 303, (address, answer.status)
        return answer

    def _send(self, address: str, kind: str, body: bytes, *, method: str = "POST") -> _Answer:
        return self._ask(method, address, body, {"Content-Type": kind, "Origin": self.base_url})

    def _ask(
        self, method: str, address: str, body: bytes | None = None, more: Mapping[str, str] = {}
    ) -> _Answer:
        parts = urlsplit(address)
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Host": urlsplit(self.base_url).netloc, "Cookie": cookies, **more}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_SECONDS)) as line:
            line.request(method, f"{parts.path}?{parts.query}".rstrip("?"), body, headers)
            reply = line.getresponse()
            answer = _Answer(status=reply.status, headers=reply.headers, body=reply.read())
        self._keep(reply)
        return answer

    def _keep(self, reply: HTTPResponse) -> None:
        for header in reply.headers.get_all("set-cookie", []):
            for name, morsel in SimpleCookie(header).items():
                self._cookies[name] = morsel.value


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    headers: HTTPMessage
    body: bytes


def comers(site: Running, visitors: int, people: int, rows: int) -> tuple[list[Comer], list[Comer]]:
    """Return so many steady visitors, and so many people with lists of so many rows."""
    homes = {network: _residents(site, network) for network in ("bird", "sky")}
    both = sorted(homes["bird"].keys() & homes["sky"].keys())[: visitors + people]
    assert len(both) == visitors + people, "the world is too small"
    luck = Random(1)
    members = [int(homes["bird"][person][0]) for person in both[visitors:]]
    made = [
        Comer(
            base_url=site.base_url,
            port=site.ports[number % len(site.ports)],
            homes={network: homes[network][person] for network in homes},
            lists=_lists(luck, homes["bird"][person][0], members, rows),
        )
        for number, person in enumerate(both)
    ]
    return made[:visitors], made[visitors:]


def _lists(luck: Random, owner: str, members: list[int], rows: int) -> bytes:
    lists = {kind: _some(luck, members, rows // 2) for kind in (Kind.FOLLOWING, Kind.FOLLOWERS)}
    files = [
        ReadFile(file=kind, kind=kind, count=int(keys.size), duplicates=0, skipped=0)
        for kind, keys in lists.items()
    ]
    return wire.encode(
        Archive(
            owner=Owner(id=ActorId(owner), handle=""),
            generated_at=datetime(2025, 1, 1, tzinfo=UTC),
            lists=lists,
            files=files,
            warnings=(),
            ignored=0,
        )
    )


def _some(luck: Random, members: list[int], count: int) -> Keys:
    known = luck.sample(members, min(_KNOWN, len(members)))
    strangers = [luck.getrandbits(60) for _ in range(count - len(known))]
    return np.unique(np.array(known + strangers, np.uint64))


def _residents(site: Running, network: str) -> dict[int, tuple[str, str]]:
    connection = HTTPConnection("127.0.0.1", site.ports[0], timeout=_PATIENCE_SECONDS)
    host = {"Host": urlsplit(site.base_url).netloc}
    connection.request("GET", f"/_simulated/{network}/people?limit=100000", headers=host)
    told = json.loads(connection.getresponse().read())["people"]
    connection.close()
    return {
        one["person"]: (str(one["id"]), str(one["handle"]))
        for one in told
        if one["person"] and not (one["gone"] or one["moved_to"])
    }
