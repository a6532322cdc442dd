"""A newcomer's way while one thing after another is away: each page says so, and the way goes on from there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from playwright.sync_api import Page, Route, expect

from openportability.clock import MovedClock
from openportability.networks.fake.reply import Fault
from tests.archives.corpus import archive_files, zipped
from tests.browser.somebody import opens
from tests.house import House, opened
from tests.journeys.neighbourhood import NEW, OLD, Neighbour, Neighbourhood
from tests.mail.postman import Postman, postman
from tests.operation.faults import full_disk

#: Servers that take one follow a call.
HERD = "herd"
#: Enough followings that their list does not fit where pages are used up.
MANY = 5000
#: Where the archive page sends what it read.
SENT = re.compile("/api/v1/archives")


@pytest.fixture
def office() -> Iterator[Postman]:
    with postman() as made:
        yield made


@pytest.fixture
def house(migrated_sqlite: Path, tmp_path: Path, office: Postman) -> Iterator[House]:
    url = f"sqlite:///{tmp_path / 'away.db'}"
    more = {"SMTP_URL": office.url, "MAIL_FROM": "us@site.example"}
    with opened(tmp_path / "site", url, MovedClock(), **more) as made:
        yield made


def test_each_dependency_fails_once_and_the_way_goes_on(
    house: House, office: Postman, tab: Page
) -> None:
    place = Neighbourhood(house)
    me, friend = place.somebody(), place.somebody()
    place.join(friend)
    _sign_in_while_the_network_is_down(house, tab, me)
    _bring_while_the_connection_is_cut_and_the_disk_is_full(house, tab, me, friend)
    _give_an_address_while_the_mail_server_is_away(house, office, tab)
    _reconnect_while_the_network_is_down(house, place, tab, me)
    assert place.follows(me)[friend.new_id] == 1


def _sign_in_while_the_network_is_down(house: House, tab: Page, me: Neighbour) -> None:
    house.world.fail_next(OLD, "token", Fault.DOWN)
    _be(house, tab, "sign-in", OLD, me.old_handle)
    expect(tab.get_by_role("heading", level=1)).to_have_text("There is no answer from the server")
    tab.get_by_role("link", name="Sign in again").click()
    _be(house, tab, "sign-in", OLD, me.old_handle)
    tab.wait_for_url("**/welcome")
    _be(house, tab, "accounts", NEW, me.new_handle)
    tab.wait_for_url("**/accounts")


def _be(house: House, tab: Page, page: str, network: str, handle: str) -> None:
    tab.goto(f"{house.base_url}/{page}")
    if network == NEW:
        tab.locator(f"#typed-{network}").fill(handle)
    tab.locator(f"[data-network={network}]").click()
    tab.get_by_label("Somebody else").fill(handle)
    tab.get_by_role("button", name="Allow", exact=True).click()


def _bring_while_the_connection_is_cut_and_the_disk_is_full(
    house: House, tab: Page, me: Neighbour, friend: Neighbour
) -> None:
    tab.goto(f"{house.base_url}/archive")
    strangers = Random(1).sample(range(10**9, 10**18), MANY)
    files = archive_files(
        owner=me.number,
        handle=me.old_handle,
        following=[friend.number, *strangers],
        followers=[],
    )
    zip_of_mine = {"name": "a.zip", "mimeType": "application/zip", "buffer": zipped(files)}
    tab.set_input_files("#file", zip_of_mine)  # type: ignore[arg-type]  # a TypedDict elsewhere
    tab.get_by_role("button", name="Read my archive").click()

    def cut(route: Route) -> None:
        route.abort("connectionreset")

    tab.route(SENT, cut)
    hand_over = tab.get_by_role("button", name="Hand over these lists")
    hand_over.click()
    expect(tab.get_by_text("The lists could not be sent")).to_be_visible()
    tab.unroute(SENT)
    with full_disk(house.site.db):
        hand_over.click()
        expect(tab.get_by_text("We cannot keep anything new at the moment")).to_be_visible()
    hand_over.click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Your archive was read")
    house.turn()


def _give_an_address_while_the_mail_server_is_away(
    house: House, office: Postman, tab: Page
) -> None:
    office.greeting = b"421 away"
    tab.goto(f"{house.base_url}/settings/mail")
    tab.get_by_label("Your mail address").fill("me@post.example")
    tab.get_by_label("People I followed have arrived").check()
    tab.get_by_role("button", name="Send me a link to confirm").click()
    house.turn()
    tab.reload()
    expect(tab.get_by_text("A mail to you is not sent yet")).to_be_visible()
    office.greeting = b"220 here"
    house.clock.forward(hours=1)
    house.turn()
    tab.reload()
    expect(tab.get_by_text("A mail to you is not sent yet")).to_have_count(0)
    assert [to for to, _ in office.taken] == ["me@post.example"]


def _reconnect_while_the_network_is_down(
    house: House, place: Neighbourhood, tab: Page, me: Neighbour
) -> None:
    tab.goto(f"{house.base_url}/reconnect")
    tab.get_by_role("button", name="Plan to follow everyone I found").click()
    tab.locator("[data-allow]").click()
    tab.get_by_role("button", name="Allow", exact=True).click()
    tab.locator("[data-start]").click()
    tab.wait_for_url("**/reconnect")
    for verb in ("relationships", "follow"):
        house.world.fail_next(NEW, verb, Fault.DOWN, 100)
    house.turn()
    # The page that is open says when it goes on, and by itself that it did.
    expect(tab.get_by_text("Next step:")).to_be_visible()
    house.world.heal(NEW)
    place.later(minutes=15)
    expect(tab.get_by_text("Everything that can be done now is done.")).to_be_visible()


def test_a_server_that_goes_in_the_middle_of_reconnecting_is_gone_on_with(
    house: House, tab: Page
) -> None:
    place = Neighbourhood(house, HERD)
    me, *_ = place.circle(2)
    plan = place.plan(me)
    place.allow(me, plan)
    opens(tab, house, me, plan)
    tab.locator("[data-start]").click()
    tab.wait_for_url("**/reconnect")
    # The first follow is made, and its answer is lost; then nothing is answered at all.
    house.world.fail_next(HERD, "follow", Fault.SILENCE)
    house.turn()
    away = tab.get_by_text("There is no answer from")
    expect(away).to_be_visible()
    expect(tab.get_by_text("Next step:")).to_be_visible()
    for verb in ("relationships", "follow"):
        house.world.fail_next(HERD, verb, Fault.DOWN, 100)
    place.later(minutes=15)
    tab.reload()
    expect(away).to_be_visible()
    assert sum(place.follows(me).values()) == 1
    house.world.heal(HERD)
    for _ in range(3):
        place.later(minutes=15)
    expect(tab.get_by_text("Everything that can be done now is done.")).to_be_visible()
    assert list(place.follows(me).values()) == [1, 1]
