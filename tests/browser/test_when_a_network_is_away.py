"""Somebody signs in at the three real networks while their servers are away, one after the other, in every way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from openportability import app
from openportability.clock import Clock, MovedClock
from openportability.outbound import Door
from openportability.settings import Settings
from tests.browser.internet import X_API, Internet, nameless
from tests.house import House, opened
from tests.networks.bluesky.nameserver import nameserver
from tests.networks.bluesky.stand_in import PDS, PLC, RESOLVER, Answer, says, times_out
from tests.networks.mastodon.strict import StrictServer
from tests.networks.stand_in import Said, serve
from tests.networks.subject import a_door
from tests.networks.x.stub import XStub

HANDLE = "anna.example.com"
REAL = {
    "NETWORKS": "x,mastodon,bluesky",
    "BLUESKY_HANDLE_RESOLVER_URL": RESOLVER,
    "BLUESKY_VIEW_URL": "none",
    "X_API_URL": X_API,
    "X_CLIENT_ID": "our-id",
    "X_CLIENT_SECRET": "our: secret/+",
}


@pytest.fixture
def internet(clock: MovedClock) -> Iterator[Internet]:
    mastodon = StrictServer(host="", scheme="http")
    world = Internet(mastodon=mastodon, x=XStub(clock=clock, redirect_uri=""))
    with serve(world.show) as url, serve(world.show) as issuer:
        world.lies_at(url, issuer)
        mastodon.add("alice")
        yield world


@pytest.fixture
def house(tmp_path: Path, clock: MovedClock, internet: Internet) -> Iterator[House]:
    """A site whose way out leads to the stand-ins, and whose server of names is out of order."""
    broken: dict[str, list[str]] = {f"_atproto.{HANDLE}": []}
    with nameserver(broken) as where, pytest.MonkeyPatch.context() as patch:

        def door(settings: Settings, clock: Clock) -> Door:
            led = httpx2.MockTransport(internet)
            return a_door(clock, transport=led, nameserver=where)

        patch.setattr(app, "door", door)
        url = f"sqlite:///{tmp_path / 'away.db'}"
        more = {**REAL, "X_AUTHORIZE_URL": f"http://{internet.mastodon.host}/i/oauth2/authorize"}
        with opened(tmp_path / "site", url, clock, **more) as made:
            internet.x.redirect_uri = f"{made.base_url}/auth/x/callback"
            yield made


def tries(tab: Page, house: House, network: str, typed: str = "") -> None:
    """Go to where accounts are proved, type and press: who is asked there allows it."""
    tab.goto(f"{house.base_url}/{'accounts' if typed else 'sign-in'}")
    if typed:
        tab.locator(f"#typed-{network}").fill(typed)
    tab.locator(f"[data-network={network}]").click()


def reads(tab: Page, happened: str, next_step: str) -> None:
    """See in words what happened, and what to do next."""
    expect(tab.get_by_text(happened)).to_be_visible()
    expect(tab.get_by_text(next_step)).to_be_visible()


#: What is said of a server that is away in that way, and what to do.
WAYS: tuple[tuple[Answer, str, str], ...] = (
    (says(503), "There is no answer from", "Please try again in a few minutes."),
    (times_out, "took too long", "Please try again in a few minutes."),
    (nameless, "There is no way to reach", "try again later."),
)
NOBODY = ("No Mastodon server answers at this address", "if the server may be down")
ODD = ("Your Bluesky server does not answer as it should", "Please try again in a few minutes.")


def test_each_server_is_away_once_where_people_sign_in(
    house: House, tab: Page, internet: Internet
) -> None:
    _at_the_old_network(house, tab, internet)
    _at_a_server_of_mastodons_kind(house, tab, internet)
    _at_bluesky(house, tab, internet)
    for handle in ("alice_x", f"alice@{internet.mastodon.host}", HANDLE):
        expect(tab.locator("main").get_by_text(handle).first).to_be_visible()


def _at_the_old_network(house: House, tab: Page, internet: Internet) -> None:
    for how, *words in WAYS[:2]:
        with internet.without(how, X_API):
            tries(tab, house, "x")
            reads(tab, *words)
    tab.get_by_role("link", name="Sign in again").click()
    tab.locator("[data-network=x]").click()
    tab.wait_for_url("**/welcome")


def _at_a_server_of_mastodons_kind(house: House, tab: Page, internet: Internet) -> None:
    server = internet.mastodon
    me = f"@alice@{server.host}"
    for how, *words in WAYS:
        with internet.without(how, f"http://{server.host}"):
            tries(tab, house, "mastodon", me)
            reads(tab, *(words if how is WAYS[0][0] else NOBODY))
            # What was typed need not be typed again.
            expect(tab.locator("#typed-mastodon")).to_have_value(me)
    server.agrees = False
    tries(tab, house, "mastodon", me)
    reads(tab, "You did not allow it", "You can start again whenever you like.")
    server.agrees = True
    # It goes while the person is on its page.
    server.fail("/oauth/token", Said(status=503))
    tries(tab, house, "mastodon", me)
    reads(tab, *WAYS[0][1:])
    tab.get_by_role("link", name="See your accounts").click()
    tries(tab, house, "mastodon", me)
    tab.wait_for_url("**/accounts")


def _at_bluesky(house: House, tab: Page, internet: Internet) -> None:
    with internet.without(nameless, RESOLVER):
        tries(tab, house, "bluesky", HANDLE)
        reads(tab, f"There is no way to reach {HANDLE}", "try again later.")
    (down, *_), (late, *too_late), _ = WAYS
    for server, how, words in (
        (PLC, down, ODD),
        (PLC, late, too_late),
        (PDS, down, ODD),
        (internet.issuer, late, too_late),
    ):
        with internet.without(how, server):
            tries(tab, house, "bluesky", HANDLE)
            reads(tab, *words)
            expect(tab.locator("#typed-bluesky")).to_have_value(HANDLE)
    tries(tab, house, "bluesky", HANDLE)
    tab.wait_for_url("**/accounts")
