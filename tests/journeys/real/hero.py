"""The one whom a journey is about: everything is done on our pages, by their forms, without script."""

from __future__ import annotations

from collections import Counter

from tests.browsing import Browser
from tests.journeys.real.town import Citizen, Town
from tests.journeys.steps import leave, read, submit, until
from tests.real import snac


class Hero:
    """Somebody who left X for a PDS and for the first of the other servers."""

    def __init__(self, town: Town, who: Citizen, browser: Browser) -> None:
        assert who.bluesky is not None
        assert who.mastodon is not None
        self.who = who
        self.browser = browser
        self.repository = who.bluesky
        home = who.mastodon
        self.neighbour = snac.Person(home.url, home.user, home.password)
        self._town = town
        self._typed: dict[str, dict[str, str]] = {
            "x": {},
            "bluesky": {"typed": who.bluesky.handle},
            "mastodon": {"typed": f"@{home.address}"},
        }

    def sign_in(self) -> None:
        """Sign in for the first time, then link the other accounts."""
        self.browser.get("/sign-in")
        for network, typed in self._typed.items():
            url = leave(self.browser, f"/auth/{network}/start", typed)
            arrived = self._town.answer(self.browser, self.who, network, url)
            if network == "x":
                assert arrived.path == "/welcome"
            self.browser.get("/accounts")

    def plan(self) -> str:
        """Make a plan for everybody who is shown; return the address of its page."""
        self.browser.get("/matches")
        return submit(self.browser, "/reconnect/plan", scope="all").path

    def allow(self, plan: str) -> None:
        """Give the right to follow where the plan asks for it, on the networks' screens."""
        for network in ("bluesky", "mastodon"):
            self.browser.get(plan)
            url = leave(self.browser, f"/auth/{network}/start", {}, holding={"purpose": "follow"})
            self._town.answer(self.browser, self.who, network, url)

    def start(self, plan: str) -> None:
        self.browser.get(plan)
        submit(self.browser, f"{plan}/start")

    def await_done(self, *, seconds: float = 90.0) -> None:
        """Wait until nothing that was wanted waits any more."""
        until(
            lambda: read(self.browser, "/reconnection"),
            lambda lines: not any(line["counts"].get("ready") for line in lines),
            seconds=seconds,
        )

    def followed_neighbours(self) -> Counter[str]:
        """Return whom the hero's own server says they follow."""
        return Counter(self.neighbour.following())
