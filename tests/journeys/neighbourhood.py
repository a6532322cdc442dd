"""People of the simulated world who live on two of its networks, and what they do on our pages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.archives.corpus import archive_files, zipped
from tests.browsing import Browser
from tests.house import House
from tests.journeys.steps import choose, hand_over, leave, submit

#: Where they knew each other, and where they follow each other now.
OLD, NEW = "bird", "sky"


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """Somebody with an account on both, and their browser."""

    number: int
    old_handle: str
    new_id: str
    new_handle: str
    browser: Browser = field(repr=False)
    #: Where they live now.
    network: str = NEW

    @property
    def place(self) -> tuple[str, str]:
        """Where they can be followed, as our API names it."""
        return self.network, self.new_id


class Neighbourhood:
    """A site with simulated networks, and those who live there."""

    def __init__(self, house: House, new: str = NEW) -> None:
        self.house = house
        self.new = new
        #: Whom nobody of the test is yet.
        self._free = list(self._settled())

    def somebody(self) -> Neighbour:
        """Return somebody who is nobody of the test yet, and follows nobody on the new network."""
        return self._taken(next(one for one in self._free if not self.follows(one)))

    def friends(self) -> tuple[Neighbour, Neighbour]:
        """Return somebody, and whom they have followed by hand on the new network already."""
        for one in self._free:
            follows = self.follows(one)
            for other in self._free:
                if other.new_id in follows:
                    return self._taken(one), self._taken(other)
        raise AssertionError("in this world nobody follows anybody")

    def circle(self, count: int, *, standing: str = "off") -> list[Neighbour]:
        """Return somebody, and after them as many whom their lists brought: all are here."""
        alice, *others = (self.somebody() for _ in range(count + 1))
        for one in others:
            self.join(one)
        self.join(alice, standing=standing)
        self.bring(alice, following=others)
        return [alice, *others]

    def _taken(self, one: Neighbour) -> Neighbour:
        self._free.remove(one)
        return one

    def follows(self, one: Neighbour) -> Counter[str]:
        """Ask the network itself whom somebody follows, and how often."""
        page = one.browser.ask("GET", f"/_simulated/{self.new}/follows?person={one.new_id}")
        return Counter(json.loads(page.body)["actors"])

    def join(
        self,
        one: Neighbour,
        *,
        found: str = "anyone",
        standing: str = "off",
        proves_old: bool = True,
    ) -> None:
        """Let somebody come: sign in on both, and choose."""
        if proves_old:
            one.browser.sign_in(OLD, one.old_handle)
        one.browser.sign_in(self.new, one.new_handle)
        choose(one.browser, found=found, standing=standing)
        self.house.turn()

    def bring(
        self, one: Neighbour, *, following: Sequence[Neighbour], followers: Sequence[Neighbour] = ()
    ) -> None:
        """Let somebody hand over their archive."""
        files = archive_files(
            owner=one.number,
            handle=one.old_handle,
            following=[other.number for other in following],
            followers=[other.number for other in followers],
        )
        hand_over(one.browser, zipped(files))
        self.house.turn()

    def plan(self, one: Neighbour, **choice: str) -> str:
        """Let somebody make a plan for all they are shown, or for what they chose; return its address."""
        one.browser.get("/matches?show=all")
        return submit(one.browser, "/reconnect/plan", **{"scope": "all", **choice}).path

    def start(self, one: Neighbour, plan: str, **choice: str) -> None:
        """Let somebody allow following, if the plan's page asks for it, and start it."""
        self.allow(one, plan)
        submit(one.browser, f"{plan}/start", **choice)
        self.house.turn()

    def allow(self, one: Neighbour, plan: str) -> None:
        """Let somebody allow following, if the plan's page asks for it, and come back there."""
        page = one.browser.get(plan)
        if any(form.fields.get("purpose") == "follow" for form in page.forms):
            url = leave(one.browser, f"/auth/{self.new}/start", {}, holding={"purpose": "follow"})
            one.browser.get(url)
            one.browser.allow(one.new_handle)
            one.browser.get(plan)

    def reconnect(self, one: Neighbour) -> None:
        """Let somebody reconnect with all they are shown."""
        self.start(one, self.plan(one))

    def later(self, *, minutes: int = 1) -> None:
        """Let time pass, and what is due be done."""
        self.house.clock.forward(minutes=minutes)
        self.house.turn()

    def _settled(self) -> Iterator[Neighbour]:
        old, new = (self._people(network) for network in (OLD, self.new))
        for person in sorted(old.keys() & new.keys()):
            there = new[person]
            if not (there["locked"] or there["gone"] or there["moved_to"]):
                yield Neighbour(
                    number=int(str(old[person]["id"])),
                    old_handle=str(old[person]["handle"]),
                    new_id=str(there["id"]),
                    new_handle=str(there["handle"]),
                    browser=self.house.new_browser(),
                    network=self.new,
                )

    def _people(self, network: str) -> dict[int, dict[str, object]]:
        page = self.house.new_browser().ask("GET", f"/_simulated/{network}/people?limit=1000")
        return {one["person"]: one for one in page.json()["people"] if one["person"] is not None}
