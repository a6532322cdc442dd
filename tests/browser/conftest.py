"""One demo for all journeys in a browser: people come one after another, none waits for a new world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from openportability.clock import SystemClock
from openportability.demo import show, stage
from openportability.demo.stage import DESTINATIONS, SOURCE
from tests import secrecy
from tests.browser.world import Demo

#: Enough people to meet some, few enough to be here within seconds.
PEOPLE = 300
#: Where nobody has to wait for a simulated server that is slow or away.
_QUICK = ("meadow.example", "harbour.example", "lantern.example", "orchard.example")
#: Who followed more than so many finds some of them here.
_KNOWN = 25


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "PEOPLE", PEOPLE)
        port = show.free_port()
        with stage.stage(port, SystemClock()) as site, show.served(site):
            stage.populate(site)
            homes = stage.at_home(site)
            newcomers = (
                home
                for person, home in sorted(homes.items())
                if len(home) == 3
                and (person == 0 or person % stage.ONE_IN)
                and home[DESTINATIONS[0]].instance in _QUICK
                and len(stage.following(site, home[SOURCE])) > _KNOWN
            )
            yield Demo(
                site=site,
                url=site.settings.base_url,
                homes=homes,
                newcomer=next(newcomers),
                others=newcomers,
            )


@pytest.fixture(scope="module", autouse=True)
def nothing_in_clear(demo: Demo) -> Iterator[None]:
    """Look through the demo for what was secret in the journeys of a module."""
    with secrecy.watching() as watch:
        yield
        watch.finds_nothing(demo.site)


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A small window of its own."""
    context = chromium.new_context(viewport={"width": 320, "height": 800})
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()
