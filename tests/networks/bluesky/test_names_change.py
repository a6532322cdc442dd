"""Handles and pictures change, and handles pass on; an account stays its DID. On both databases."""

from __future__ import annotations

import httpx2
import pytest

from openportability.accounts import refresh, service
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import Account, Actor, NetworkName, Purpose
from openportability.errors import Unavailable
from openportability.network import Network
from openportability.site import Site
from tests import cast
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.stand_in import (
    ANNA,
    BEA,
    ISSUER,
    PDS,
    PLC,
    RESOLVE,
    TOKEN,
    World,
    document,
    form_of,
    says,
    tokens,
)

NAME = NetworkName("bluesky")


@pytest.fixture
def network(load: Load, world: World) -> Network:
    return load(transport=httpx2.MockTransport(world))


@pytest.fixture
def site(db: Database, clock: MovedClock, network: Network) -> Site:
    return cast.make_site(db, clock, [network])


def lives_as(world: World, did: str, handle: str, picture: str) -> None:
    """Let an account have this handle and picture, and be who signs in."""
    profile = {"displayName": handle.title(), "avatar": {"ref": {"$link": picture}}}
    world.answers |= {
        RESOLVE: says(200, {"did": did}),
        f"{PLC}/{did}": says(200, document(did, handle=handle)),
        f"{PDS}/xrpc/com.atproto.repo.getRecord": says(200, {"value": profile}),
        TOKEN: says(200, tokens(sub=did)),
    }


def sign_in(site: Site, world: World, typed: str) -> Account:
    service.begin(
        site,
        NAME,
        typed=typed,
        purpose=Purpose.IDENTIFY,
        browser="a browser",
        user=None,
        expected=None,
        next_path="/",
        language="en",
    )
    state = form_of(world.asked_at(f"{ISSUER}/par")[-1])["state"]
    answer = {"code": "code-1", "iss": ISSUER, "state": state}
    return service.finish(site, NAME, answer, browser="a browser", user=None, locale="en").account


def test_a_new_handle_and_picture_are_those_of_the_same_account(site: Site, world: World) -> None:
    lives_as(world, ANNA, "anna.example.com", "bafkreione")
    before = sign_in(site, world, "anna.example.com")
    lives_as(world, ANNA, "anna.new.example.com", "bafkreitwo")
    after = sign_in(site, world, "anna.new.example.com")
    assert (after.id, after.user, after.actor.id) == (before.id, before.user, ANNA)
    with site.db.read() as tx:
        kept = service.own_account(tx, before.user, before.id).actor
    assert (kept.handle, kept.name) == ("anna.new.example.com", "Anna.New.Example.Com")
    assert kept.avatar
    assert kept.avatar.endswith("bafkreitwo")


def test_a_handle_that_passed_to_somebody_else_is_somebody_else(site: Site, world: World) -> None:
    lives_as(world, ANNA, "anna.example.com", "bafkreione")
    before = sign_in(site, world, "anna.example.com")
    lives_as(world, BEA, "anna.example.com", "bafkreitwo")
    after = sign_in(site, world, "anna.example.com")
    assert (after.actor.handle, after.actor.id) == (before.actor.handle, BEA)
    assert after.user != before.user
    assert after.id != before.id


# --- seen to while nobody is here ---


def look(site: Site, account: Account) -> Actor:
    sign_in = site.networks[NAME].sign_in
    assert sign_in
    return sign_in.look(refresh.kept_grant(site, account), account.actor)


def test_a_look_by_the_id_shows_the_new_handle_and_picture(site: Site, world: World) -> None:
    lives_as(world, ANNA, "anna.example.com", "bafkreione")
    account = sign_in(site, world, "anna.example.com")
    lives_as(world, ANNA, "anna.new.example.com", "bafkreitwo")
    tokens_asked = len(world.asked_at(TOKEN))
    seen = look(site, account)
    assert (seen.id, seen.handle) == (ANNA, "anna.new.example.com")
    assert seen.avatar
    assert seen.avatar.endswith("bafkreitwo")
    assert len(world.asked_at(TOKEN)) == tokens_asked


def test_a_handle_that_passed_on_is_no_longer_shown(site: Site, world: World) -> None:
    lives_as(world, ANNA, "anna.example.com", "bafkreione")
    account = sign_in(site, world, "anna.example.com")
    world.answers[RESOLVE] = says(200, {"did": BEA})
    assert look(site, account).handle == ANNA


@pytest.mark.parametrize(
    "away",
    [
        RESOLVE,
        f"{PDS}/xrpc/com.atproto.repo.getRecord",
        f"{PLC}/{ANNA}",
    ],
)
def test_no_name_or_picture_is_lost_by_an_outage(site: Site, world: World, away: str) -> None:
    lives_as(world, ANNA, "anna.test", "bafkreione")
    account = sign_in(site, world, "anna.test")
    world.answers[away] = says(503)
    with pytest.raises(Unavailable):
        look(site, account)
