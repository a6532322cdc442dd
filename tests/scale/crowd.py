"""People who come to a large site at once, each in a thread, and press again what was lost."""

from __future__ import annotations

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from socket import SHUT_RDWR, socket
from threading import Event, Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

from openportability.clock import MovedClock
from openportability.networks.fake.realm import Terms
from openportability.networks.fake.reply import Reply
from openportability.networks.fake.residents import FLAKY_HOST, SLOW_HOST
from openportability.networks.fake.world import World
from openportability.networks.fake.world_server import WorldServer
from tests.archives.corpus import archive_files, zipped
from tests.browsing import Answer, Browser
from tests.house import ROLES
from tests.journeys.steps import choose, hand_over, leave, read, submit, until
from tests.scale.balancer import LOST

Done = TypeVar("Done")

#: Where they knew each other, and where they follow each other now: one call a follow.
OLD, NEW = "bird", "herd"
#: The networks' windows are so many times shorter than real ones.
SPEED = 50
#: How long a simulated network takes to follow somebody: half of it before that is done, and half after it.
_FOLLOW_SECONDS = 0.12
#: How long a person reads a page: the machine is to be busy and not choked.
_READING_SECONDS = 0.1
#: A lane may rest for up to an hour of the site's time, where its network asks for that: two minutes here.
_PATIENCE_SECONDS = 240.0


#: What the bar of the progress page says.
_DONE = re.compile(r'<progress [^>]*value="(\d+)"')


class Lost(Exception):
    """A request was under way in a process that died."""


class SlowWorld(WorldServer):
    """A world that takes its time for a follow, and counts how often each was asked for."""

    def __init__(self, world: World, clock: MovedClock) -> None:
        super().__init__(world, clock)
        self._counting = Lock()
        self._owners: dict[str, str] = {}
        self._asked: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def answer(self, verb: str, question: Mapping[str, Any]) -> Reply:
        slow = _FOLLOW_SECONDS / 2 if verb == "follow" else 0.0
        time.sleep(slow)
        reply = super().answer(verb, question)
        if reply.status == 200 and verb in {"token", "refresh", "follow"}:
            with self._counting:
                self._note(verb, question["args"], json.loads(reply.text))
        time.sleep(slow)
        return reply

    def follows(self, network: str, who: str) -> set[str]:
        """Return whom somebody follows."""
        told = json.loads(self.world.call(terms(network), "follows_of", {"who": who}).text)
        return set(told["actors"])

    def asked(self, who: str) -> Counter[str]:
        """Return whom somebody asked to follow, and how often: to follow twice changes nothing there."""
        with self._counting:
            return Counter(self._asked[who])

    def _note(self, verb: str, args: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        if verb == "follow":
            self._asked[self._owners[args["token"]]].update(list(told["of"]))
        else:
            self._owners[told["token"]] = told["person"]["id"]


class PatientBrowser(Browser):
    """A browser whose person sees that a request was lost."""

    losses = 0
    _stream: socket | None = None

    def ask(self, method: str, address: str, **more: Any) -> Answer:
        try:
            answer = super().ask(method, address, **more)
        except (OSError, HTTPException) as error:
            self.losses += 1
            raise Lost from error
        if answer.headers[LOST]:
            self.losses += 1
            raise Lost
        return answer

    def leave(self) -> None:
        """Hang up on the stream, if one is open."""
        if self._stream is not None:
            with suppress(OSError):
                self._stream.shutdown(SHUT_RDWR)

    def stream(self, path: str, leave: Event) -> Iterator[str]:
        """Yield the events of a stream until it ends, or one leaves."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = HTTPConnection(urlsplit(self.base_url).netloc, timeout=_PATIENCE_SECONDS)
        with closing(connection):
            connection.connect()
            self._stream = connection.sock
            connection.request("GET", path, headers={**self.headers, "Cookie": cookie})
            reply = connection.getresponse()
            if reply.headers[LOST]:
                self.losses += 1
                raise Lost
            assert reply.status == 200, (path, reply.status)
            event = ""
            while not leave.is_set() and (line := reply.readline().decode()):
                event += line
                if line == "\n":
                    yield event
                    event = ""


@dataclass(kw_only=True)
class Person:
    """Somebody of the simulated world."""

    number: int
    old_handle: str
    new_id: str
    new_handle: str
    browser: PatientBrowser
    #: What was done, as their progress page said it, look by look; and as the streams of that page said it.
    seen: list[int] = field(default_factory=list)
    streamed: list[int] = field(default_factory=list)
    #: How often they connected to a stream.
    streams: int = 0

    def arrive(self, everybody: Sequence[Person]) -> None:
        """Sign in on both networks, and bring an archive that names everybody."""
        again(self._sign_in)
        known = [one.number for one in everybody if one is not self]
        files = archive_files(
            owner=self.number, handle=self.old_handle, following=known, followers=known
        )
        again(lambda: hand_over(self.browser, zipped(files)))

    def look_around(self) -> None:
        """Open the pages that people open."""
        for page in ("/", "/matches", "/reconnect", "/archive"):
            again(partial(self.browser.get, page))
            assert self.browser.page.status == 200
            time.sleep(_READING_SECONDS)

    def find(self, others: int) -> None:
        """Wait until everybody is found."""
        until(lambda: again(self._found), lambda found: found == others)

    def reconnect(self, others: int) -> None:
        """Start following everybody, and watch until page and stream say that it is done."""
        again(lambda: self._start(others))
        until(self._watch, lambda done: done == others, seconds=_PATIENCE_SECONDS)
        until(lambda: self.streamed[-1:], lambda done: done == [others])

    @contextmanager
    def progress_open(self) -> Iterator[None]:
        """Leave the progress page open meanwhile, whose script connects again whenever its stream ends."""
        leave = Event()
        tab = PatientBrowser(self.browser.base_url)
        with ThreadPoolExecutor(1) as threads:
            watching = threads.submit(self._stay, tab, leave)
            try:
                yield
            finally:
                leave.set()
                tab.leave()
            watching.result(_PATIENCE_SECONDS)
        self.browser.losses += tab.losses

    def _stay(self, tab: PatientBrowser, leave: Event) -> None:
        while not leave.is_set():
            tab.cookies = dict(self.browser.cookies)
            with suppress(Lost):
                self.streams += 1
                for block in tab.stream("/reconnect/progress", leave):
                    self.streamed += map(int, _DONE.findall(block))

    def _sign_in(self) -> None:
        self.browser.sign_in(OLD, self.old_handle)
        self.browser.sign_in(NEW, self.new_handle)
        choose(self.browser, found="anyone", standing="off", pace="full")

    def _found(self) -> int:
        found: int = read(self.browser, "/matches")["totals"]["all"]
        return found

    def _start(self, wanted: int) -> None:
        if sum(self._counts().values()) == wanted:
            return  # it had begun before its answer was lost
        self.browser.get("/matches")
        plan = submit(self.browser, "/reconnect/plan", scope="all").path
        if any(form.fields.get("purpose") == "follow" for form in self.browser.page.forms):
            url = leave(self.browser, f"/auth/{NEW}/start", {}, holding={"purpose": "follow"})
            self.browser.get(url)
            self.browser.allow(self.new_handle)
            self.browser.get(plan)
        submit(self.browser, f"{plan}/start")

    def _watch(self) -> int:
        counts = again(self._counts)
        self.seen.append(counts["followed"] + counts["already"])
        return self.seen[-1]

    def _counts(self) -> Counter[str]:
        lines = read(self.browser, "/reconnection")
        return sum((Counter(line["counts"]) for line in lines), Counter())


def again(step: Callable[[], Done]) -> Done:
    """Take a step, from its beginning if a request of it was lost."""
    while True:
        try:
            return step()
        except Lost:
            continue


def settled(world: World, base_url: str, count: int) -> list[Person]:
    """Return so many people who live on both, and whose servers answer well."""
    old, new = _homes(world, OLD), _homes(world, NEW)
    both = sorted(old.keys() & new.keys())
    assert len(both) >= count, "the world is too small"
    return [
        Person(
            number=int(old[person]["id"]),
            old_handle=old[person]["handle"],
            new_id=new[person]["id"],
            new_handle=new[person]["handle"],
            browser=PatientBrowser(base_url),
        )
        for person in both[:count]
    ]


def terms(network: str) -> Terms:
    """Return what a simulated network is like."""
    return Terms(name=network, role=ROLES[network], speed=SPEED)


def _homes(world: World, network: str) -> dict[int, dict[str, Any]]:
    told = json.loads(world.call(terms(network), "people", {"limit": 10_000}).text)["people"]
    return {
        one["person"]: one
        for one in told
        if one["person"] and not (one["locked"] or one["gone"] or one["moved_to"])
        if one["instance"] not in {SLOW_HOST, FLAKY_HOST}
    }
