"""Our database, our worker and the stream of progress go away under somebody's eyes, and come back."""

from __future__ import annotations

import os
import re
import socket
import stat
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.somebody import opens
from tests.house import House
from tests.journeys.neighbourhood import Neighbourhood
from tests.operation.faults import working
from tests.postgresql import Cluster

AWAY = "Our database does not answer"
DONE = "Everything that can be done now is done."


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_plan_that_was_started_without_a_database_is_started_once_more(
    house: House, tab: Page, postgresql: Cluster
) -> None:
    place = Neighbourhood(house)
    me, friend = place.circle(1)
    plan = place.plan(me)
    place.allow(me, plan)
    opens(tab, house, me, plan)
    with postgresql.stopped():
        tab.locator("[data-start]").click()
        heading = tab.get_by_role("heading", level=1)
        expect(heading).to_have_text(AWAY)
        expect(
            tab.get_by_text("Nothing of yours is lost, and it goes on by itself")
        ).to_be_visible()
        for path in ("/", "/matches"):
            tab.goto(f"{house.base_url}{path}")
            expect(heading).to_have_text(AWAY)
    tab.goto(f"{house.base_url}{plan}")
    tab.locator("[data-start]").click()
    tab.wait_for_url("**/reconnect")
    house.turn()
    expect(tab.get_by_text(DONE)).to_be_visible()
    assert place.follows(me)[friend.new_id] == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_started_while_no_worker_is_there_waits_in_sight_and_goes_on(
    house: House, tab: Page
) -> None:
    place = Neighbourhood(house)
    me, friend = place.circle(1)
    plan = place.plan(me)
    place.allow(me, plan)
    opens(tab, house, me, plan)
    tab.locator("[data-start]").click()
    tab.wait_for_url("**/reconnect")
    waits = tab.get_by_text(re.compile("^waiting$", re.IGNORECASE)).locator("xpath=..")
    expect(waits).to_have_text(re.compile("1"))
    expect(tab.get_by_text("Next step:")).to_be_visible()
    assert not place.follows(me)[friend.new_id]
    with working(house):
        expect(tab.get_by_text(DONE)).to_be_visible()
    assert place.follows(me)[friend.new_id] == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_page_whose_connection_is_cut_keeps_what_it_shows_and_catches_up(
    house: House, tab: Page
) -> None:
    place = Neighbourhood(house)
    me, friend = place.circle(1)
    plan = place.plan(me)
    place.allow(me, plan)
    opens(tab, house, me, plan)
    with tab.expect_request("**/reconnect/progress"):
        tab.locator("[data-start]").click()
    expect(tab.get_by_text("Next step:")).to_be_visible()
    with tab.expect_request("**/reconnect/progress"):
        cut(house)
        expect(tab.get_by_text("Next step:")).to_be_visible()
    house.turn()
    expect(tab.get_by_text(DONE)).to_be_visible()
    assert place.follows(me)[friend.new_id] == 1


def cut(house: House) -> None:
    """Cut every connection that somebody has to a site, as a lost network does."""
    port = urlsplit(house.base_url).port
    for opened in [int(file.name) for file in Path("/dev/fd").iterdir()]:
        with suppress(OSError):  # closed meanwhile, or a socket that only listens
            if stat.S_ISSOCK(os.fstat(opened).st_mode):
                with socket.socket(fileno=os.dup(opened)) as end:
                    if end.family == socket.AF_INET and end.getsockname()[1] == port:
                        end.getpeername()
                        end.shutdown(socket.SHUT_RDWR)
