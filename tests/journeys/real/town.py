"""The people of a journey: where each lives on the real servers, and how they come to us."""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

import httpx2

from lab import servers
from openportability.clock import SystemClock
from tests.archives.corpus import write_archive
from tests.browsing import Answer, Browser
from tests.journeys.real.our_server import OurServer
from tests.journeys.steps import choose, hand_over
from tests.networks.bluesky.people import Person as Repository
from tests.networks.stand_in import serve
from tests.networks.x.stub import XStub
from tests.real import pds, snac

CALLBACKS = "/auth/{network}/callback"
#: People who come at the same time: the PDS, our server and this process share the cores.
_AT_ONCE = 3


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """Somebody's account at one of the two Mastodon-API servers."""

    url: str
    user: str
    password: str = field(repr=False)

    @property
    def address(self) -> str:
        return f"{self.user}@{urlsplit(self.url).netloc}"

    @property
    def actor_id(self) -> str:
        return f"{self.url}/{self.user}"


@dataclass(frozen=True, kw_only=True)
class Citizen:
    """Somebody who was on X, and where they live now."""

    number: int
    x_handle: str
    bluesky: Repository | None = None
    mastodon: Neighbour | None = None


@dataclass(frozen=True, kw_only=True)
class Coming:
    """How somebody comes here."""

    who: Citizen
    #: By whom they let themselves be found.
    found: str
    archive: Path | None = None
    #: Else only their archive says who they are on X.
    proves_x: bool = True


class Town:
    """Real servers, the stub of X, and our server's address."""

    def __init__(
        self,
        base_url: str,
        atproto: servers.Atproto,
        snacs: tuple[servers.Snac, servers.Snac],
        x: XStub,
        x_url: str,
    ) -> None:
        self.base_url = base_url
        self._pds = atproto.pds[0]
        self._plc = atproto.plc
        self._snacs = snacs
        self._x = x
        self._x_url = x_url
        self._luck = random.Random(4)
        #: One person after the other looks at the stub's screen.
        self._at_x = Lock()

    @property
    def settings(self) -> dict[str, object]:
        """Return what our server must be told to live in this town."""
        return {
            "BLUESKY_PLC_URL": self._plc,
            "BLUESKY_HANDLE_RESOLVER_URL": self._pds,
            "BLUESKY_VIEW_URL": "none",
            "MASTODON_GAP_SECONDS": 0.2,
            "X_CLIENT_ID": self._x.client_id,
            "X_CLIENT_SECRET": self._x.client_secret,
            "X_AUTHORIZE_URL": f"{self._x_url}/i/oauth2/authorize",
            "X_API_URL": self._x_url,
        }

    # --- people -------------------------------------------------------------------------------

    def strangers(self, count: int) -> list[int]:
        """Return numbers of people on X who never come here."""
        return [self._luck.randrange(10**17, 2**63) for _ in range(count)]

    def person(self, *, bluesky: bool = False, mastodon: int | None = None) -> Citizen:
        """Let somebody new live on X, at the PDS, at the first (0) or second (1) other server."""
        (number,) = self.strangers(1)
        handle = f"x{number % 10**12}"
        self._x.people[str(number)] = handle
        return Citizen(
            number=number,
            x_handle=handle,
            bluesky=self._new_repository() if bluesky else None,
            mastodon=None if mastodon is None else self._new_neighbour(self._snacs[mastodon]),
        )

    def persons(
        self, count: int, *, bluesky: bool = False, mastodon: int | None = None
    ) -> list[Citizen]:
        """Let several people live in the same places."""
        return [self.person(bluesky=bluesky, mastodon=mastodon) for _ in range(count)]

    def _new_repository(self) -> Repository:
        handle = pds.new_handle("member")
        return Repository(home=self._pds, handle=handle, did=pds.create_account(self._pds, handle))

    def _new_neighbour(self, server: servers.Snac) -> Neighbour:
        user = f"member{secrets.token_hex(4)}"  # servers are shared with other tests
        return Neighbour(url=server.url, user=user, password=server.new_person(user))

    # --- what they do here --------------------------------------------------------------------

    def sign_in(
        self, browser: Browser, who: Citizen, network: str, purpose: str = "identify"
    ) -> None:
        """Prove an account, through the network's own screens."""
        typed = {
            "x": "",
            "bluesky": who.bluesky.handle if who.bluesky else "",
            "mastodon": f"@{who.mastodon.address}" if who.mastodon else "",
        }
        form = {"typed": typed[network], "purpose": purpose, "next": "/accounts"}
        leaving = browser.send(f"/auth/{network}/start", form)
        assert leaving.status == 303, leaving.words
        self.answer(browser, who, network, leaving.location)

    def answer(self, browser: Browser, who: Citizen, network: str, url: str) -> Answer:
        """Agree on the network's screens, which begin at `url`, and come back to us."""
        callback = f"{self.base_url}{CALLBACKS.format(network=network)}"
        back = self._consent(who, network, url, callback)
        assert back.startswith((f"{callback}?", f"{callback}/")), back
        page = browser.get(back)
        assert page.status == 200, page.words
        return page

    def _consent(self, who: Citizen, network: str, url: str, callback: str) -> str:
        match network:
            case "x":
                with self._at_x:
                    self._x.signed_in = str(who.number)
                    page = httpx2.get(url, verify=False)
                return str(page.headers["location"])
            case "bluesky":
                assert who.bluesky is not None
                return pds.consent(url, who.bluesky.handle)
            case _:
                assert who.mastodon is not None
                return snac.consent(url, who.mastodon.user, who.mastodon.password, callback)

    def join(self, coming: Coming) -> None:
        """Let somebody come here: prove what they have, choose, bring an archive."""
        who = coming.who
        places = {"x": coming.proves_x, "bluesky": who.bluesky, "mastodon": who.mastodon}
        browser = Browser(self.base_url)
        for network, lives_there in places.items():
            if lives_there:
                self.sign_in(browser, who, network)
        choose(browser, found=coming.found, standing="off")
        if coming.archive is not None:
            hand_over(browser, coming.archive.read_bytes())

    def join_all(self, coming: Sequence[Coming]) -> None:
        """Let many come, some at the same time."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self.join, coming))


def archive_of(who: Citizen, folder: Path, following: list[int], followers: list[int]) -> Path:
    """Write the archive that X sends somebody: in parts, with pictures beside the lists."""
    return write_archive(
        folder / f"{who.x_handle}.zip",
        owner=who.number,
        handle=who.x_handle,
        following=following,
        followers=followers,
        parts=3 if len(following) > 100 else 1,
        filler_megabytes=5 if len(following) > 100 else 0,
    )


@contextmanager
def town(
    atproto: servers.Atproto,
    snacs: tuple[servers.Snac, servers.Snac],
    folder: Path,
    **settings: object,
) -> Iterator[tuple[Town, OurServer]]:
    """Give a town whose X is a stub, and our server in it, which is not started yet."""
    (port,) = servers.free_ports(1)
    base_url = f"http://127.0.0.1:{port}"
    x = XStub(clock=SystemClock(), redirect_uri=f"{base_url}{CALLBACKS.format(network='x')}")
    with serve(x) as x_url:
        place = Town(base_url, atproto, snacs, x, x_url)
        server = OurServer(port, folder, {**place.settings, **settings})
        try:
            yield place, server
        finally:
            server.stop()


def follows_of(repository: Repository) -> Counter[str]:
    """Return whom a repository follows, and how often: as anybody reads it."""
    return Counter(pds.follows(repository.home, repository.did))
