"""After sign-ins by the real adapters no token, key, code or secret stands in a file, a log or on a page.

At a real PDS, a real server that checks little, a stand-in that checks all, and the stub of X.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest

from lab import servers
from openportability.accounts import refresh
from openportability.accounts import store as account_store
from openportability.clock import MovedClock
from openportability.domain import UserId
from tests.accounts.shown import account_of, handles_of, me
from tests.browsing import Answer, Browser
from tests.house import House, opened
from tests.networks.mastodon.strict import StrictServer
from tests.networks.stand_in import serve
from tests.networks.x.stub import XStub
from tests.promises.spying import codes_of, database, shown, standing_in, told
from tests.real import pds, snac

pytestmark = pytest.mark.slow

#: What the adapters seal, by name; `d` is the private half of a key.
SECRETS = {"access_token", "refresh_token", "client_secret", "verifier", "d"}


@dataclass(kw_only=True)
class Scene:
    """A site with the real adapters, the servers, and one person's browser."""

    house: House
    browser: Browser
    handle: str
    strict: StrictServer
    folder: Path
    stored: list[bytes] = field(default_factory=list)
    ways_back: list[str] = field(default_factory=list)

    def leave(self, network: str, typed: str = "", **more: str) -> str:
        """Start to sign in; return the address of the network's page."""
        left = self.browser.send(f"/auth/{network}/start", {"typed": typed, **more})
        assert left.status == 303, left.words
        return left.location

    def look(self) -> None:
        """Note all that is stored now: each value, and each file as it lies on the disk."""
        self.stored.append(database(self.house.site))
        files = (path for path in self.folder.rglob("*") if path.is_file())
        self.stored.extend(path.read_bytes() for path in files)

    def arrive(self, way_back: str) -> Answer:
        self.ways_back.append(way_back)
        return self.browser.get(way_back)


@pytest.fixture
def scene(
    atproto: servers.Atproto, migrated_sqlite: Path, tmp_path: Path, clock: MovedClock
) -> Iterator[Scene]:
    (folder := tmp_path / "site").mkdir()
    shutil.copy(migrated_sqlite, folder / "openportability.db")
    strict = StrictServer(host="", scheme="http")
    strict.add("alice")
    stub = XStub(clock=clock, redirect_uri="")
    with ExitStack() as stack:
        strict.host = urlsplit(stack.enter_context(serve(strict))).netloc
        x_url = stack.enter_context(serve(stub))
        house = stack.enter_context(
            opened(
                folder,
                f"sqlite:///{folder}/openportability.db",
                clock,
                NETWORKS="x,mastodon,bluesky",
                BLUESKY_PLC_URL=atproto.plc,
                BLUESKY_HANDLE_RESOLVER_URL=atproto.pds[0],
                X_CLIENT_ID=stub.client_id,
                X_CLIENT_SECRET=stub.client_secret,
                X_AUTHORIZE_URL=f"{x_url}/i/oauth2/authorize",
                X_API_URL=x_url,
            )
        )
        stub.redirect_uri = f"{house.base_url}/auth/x/callback"
        handle = pds.new_handle("anna")
        pds.create_account(atproto.pds[0], handle)
        yield Scene(
            house=house,
            browser=house.new_browser(),
            handle=handle,
            strict=strict,
            folder=folder,
        )


def test_secrets_of_real_sign_ins_stand_nowhere_in_clear(
    scene: Scene,
    snacs: tuple[servers.Snac, servers.Snac],
    sealed: list[bytes],
    pages: list[Answer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="httpx2")  # the person's own browser
    _signs_in_everywhere(scene, snacs[0])
    _asks_for_more_and_is_refused(scene)
    _refreshes_and_unlinks(scene)

    by_name: dict[str, set[str]] = {name: set() for name in SECRETS}
    for name, secret in _named(sealed):
        by_name[name].add(secret)
    assert all(by_name.values()), by_name
    assert len(by_name["d"]) == 3  # a key for each sign-in at the PDS
    cookies = scene.browser.cookies.items()
    secrets = {value for name, value in cookies if name in ("session", "sign-in")}
    secrets = secrets.union(*by_name.values(), codes_of(scene.ways_back))
    assert standing_in(b"".join(scene.stored), secrets) == set()
    assert standing_in(told(caplog), secrets) == set()
    assert standing_in(shown(pages), secrets) == set()


def _signs_in_everywhere(scene: Scene, neighbour: servers.Snac) -> None:
    """Each network once, the first of them as somebody new; one way back twice."""
    assert scene.arrive(_redirect(scene.leave("x"))).path == "/welcome"
    url = scene.leave("bluesky", scene.handle)
    scene.look()
    scene.arrive(pds.consent(url, scene.handle))
    assert scene.arrive(scene.ways_back[-1]).status == 400
    url = scene.leave("mastodon", urlsplit(neighbour.url).netloc)
    callback = f"{scene.house.base_url}/auth/mastodon"
    scene.arrive(snac.consent(url, "alice", neighbour.passwords["alice"], callback))
    scene.arrive(_redirect(scene.leave("mastodon", scene.strict.host)))
    assert len(handles_of(scene.browser)) == 4


def _asks_for_more_and_is_refused(scene: Scene) -> None:
    """The right to follow; a no; a code that nobody gave."""
    account = str(account_of(scene.browser, "bluesky")["id"])
    url = scene.leave("bluesky", account=account, purpose="follow")
    assert scene.arrive(pds.consent(url, scene.handle)).status == 200
    assert account_of(scene.browser, "bluesky")["grants"] == ["follow"]
    scene.strict.agrees = False
    assert scene.arrive(_redirect(scene.leave("mastodon", scene.strict.host))).status == 400
    back = pds.consent(scene.leave("bluesky", scene.handle), scene.handle)
    made_up = {**dict(parse_qsl(urlsplit(back).query)), "code": "a-code-that-nobody-ever-gave"}
    refused = scene.arrive(f"{back.partition('?')[0]}?{urlencode(made_up)}")
    assert "took too long" in refused.words
    scene.look()


def _refreshes_and_unlinks(scene: Scene) -> None:
    site = scene.house.site
    scene.house.clock.forward(hours=3)
    user = UserId(site.vault.read_id("user", str(me(scene.browser)["user_id"])))
    with site.db.read() as tx:
        mine = account_store.accounts_of(tx, user)
    refresh.usable_grant(site, next(one for one in mine if one.actor.handle == scene.handle))
    scene.look()
    scene.browser.api("DELETE", f"/accounts/{account_of(scene.browser, 'bluesky')['id']}")
    scene.look()
    scene.house.turn()
    scene.look()


def _named(sealed: list[bytes]) -> Iterator[tuple[str, str]]:
    """Return the secrets in what was sealed, and how they are called."""

    def within(found: object, name: str) -> Iterator[tuple[str, str]]:
        if isinstance(found, dict):
            for inner, value in found.items():
                yield from within(value, inner)
        elif isinstance(found, str) and found.startswith("{"):
            yield from within(json.loads(found), name)
        elif isinstance(found, str) and found and name in SECRETS:
            yield name, found

    for text in sealed:
        if text.startswith(b"{"):
            yield from within(json.loads(text), "")


def _redirect(url: str) -> str:
    return str(httpx2.get(url).headers["location"])
