"""The whole journey of a newcomer, played through the pages and checked at the simulated networks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TypeVar
from urllib.parse import quote, urlsplit

from openportability.clock import monotonic
from openportability.demo import stage
from openportability.demo.stage import DESTINATIONS, NEWCOMER, SOURCE, Resident
from openportability.demo.visitor import Visitor
from openportability.domain import NetworkName
from openportability.matching import sweep
from openportability.site import Site

_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.2
_LOOKS = 10

Value = TypeVar("Value")


class Wrong(Exception):
    """Something is not as it should be; the text says what."""


class Tour:
    """Plays one newcomer. `tell` gets a line for each step."""

    def __init__(self, site: Site, tell: Callable[[str], None]) -> None:
        self._site = site
        self._tell = tell
        self._visitor = Visitor(site.settings.base_url)
        self._homes = stage.at_home(site)
        self._residents = {
            network: {one.id: one for one in stage.residents(site, network)}
            for network in DESTINATIONS
        }
        self._home = next(home for home in self._homes.values() if home[SOURCE].handle == NEWCOMER)

    def play(self) -> None:
        """Do each step, or raise `Wrong`."""
        self._prove_who_i_am()
        self._bring_my_lists()
        self._see_who_is_here()
        before = self._follows()
        self._reconnect()
        self._check(before)
        self._stay_reconnected()

    # --- the steps ----------------------------------------------------------------------------

    def _prove_who_i_am(self) -> None:
        for resident in self._home.values():
            self._sign_in(resident, purpose="identify")
        self._visitor.send("/settings", found="anyone", standing="automatic", pace="full")
        me = self._visitor.get("/api/v1/me").json()
        handles = ", ".join(account["handle"] for account in me["accounts"])
        self._must(len(me["accounts"]) == len(self._home), f"linked are {handles}")
        self._tell(f"signed in and linked: {handles}")

    def _bring_my_lists(self) -> None:
        content = stage.archive(self._site, self._home[SOURCE])
        answer = self._visitor.upload("/archives", "archive.zip", content)
        read = {file["kind"]: 0 for file in answer["report"]["read"]}
        for file in answer["report"]["read"]:
            read[file["kind"]] += file["count"]
        self._must(read.get("following", 0) > 0, f"the archive gave {read}")
        counts = ", ".join(f"{count} {kind}" for kind, count in read.items() if kind)
        self._tell(f"archive of {len(content):,} bytes read: {counts}")

    def _see_who_is_here(self) -> None:
        seen = [0]

        def look() -> int:
            totals = self._visitor.get("/api/v1/matches?limit=1").json()["totals"]
            # Who lists me is found when I am met as a newcomer: before that nothing is final.
            seen.append(0 if sweep.newcomers_wait(self._site) else totals["all"])
            return seen[-1]

        # People are found in batches: found are all when some looks in a row see the same.
        found = self._until(look, lambda count: count > 0 and len(set(seen[-_LOOKS:])) == 1)
        self._tell(f"people I followed who are here: {found}")

    def _reconnect(self) -> None:
        plan = self._visitor.call("/plans", {"scope": "all"})
        for network, counts in plan["counts_by_network_and_decision"].items():
            said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
            self._tell(f"plan for {self._title(network)}: {said}")
        for network in plan["counts_by_network_and_decision"]:
            self._sign_in(self._home[NetworkName(network)], purpose="follow")
        wanted = self._visitor.call(f"/plans/{plan['plan_id']}/start")["wanted"]
        self._tell(f"started: {wanted} follows wanted")
        self._settle()

    def _stay_reconnected(self) -> None:
        newcomer = self._someone_to_arrive()
        before = self._follows()
        stage.join(self._site, newcomer, Random(0))
        expected = {
            (network, one.id)
            for network, one in newcomer.items()
            if network in self._home and network != SOURCE
        }
        new = self._until(lambda: set(self._follows() - before), lambda new: expected <= new)
        # Meanwhile those who were asked may have said yes.
        yes = ("requested", "followed")
        asked = {self._present(whom) for whom, state in self._ledger().items() if state in yes}
        self._must(new <= expected | asked, f"followed, but not wanted: {new - expected - asked}")
        names = ", ".join(one.handle for network, one in newcomer.items() if network != SOURCE)
        self._tell(f"somebody arrived later and was followed by itself: {names}")

    # --- the check ----------------------------------------------------------------------------

    def _check(self, before: Counter[tuple[NetworkName, str]]) -> None:
        """Compare what the networks hold with what was wanted: none missing, none double, none extra.

        Who moved is followed at their new place; who must approve may do so at any moment.
        """
        ledger = {self._present(whom): state for whom, state in self._ledger().items()}
        wanted = {self._present(whom) for whom in self._matched()}
        follows = self._follows()
        doubles = [follow for follow, times in follows.items() if times > 1]
        made = set(follows - before)
        by_state = {
            state: {whom for whom, found in ledger.items() if found == state}
            for state in set(ledger.values())
        }
        followed, asked = by_state.get("followed", set()), by_state.get("requested", set())
        already, gone = by_state.get("already", set()), by_state.get("gone", set())
        self._must(not doubles, f"followed twice: {doubles}")
        self._must(followed <= made, f"in the ledger but not there: {followed - made}")
        self._must(made <= followed | asked, f"there but not in the ledger: {made - followed}")
        self._must(already <= set(before), f"said to be there before: {already - set(before)}")
        refused = by_state.get("refused", set())
        self._must(not refused & made, f"said to be refused: {refused & made}")
        left = wanted - followed - asked - already - gone - refused
        self._must(not left, f"left undone: {left}")
        said = ", ".join(f"{len(whom)} {state}" for state, whom in sorted(by_state.items()))
        self._tell(f"checked at the networks: {len(made)} new follows, each wanted; ledger: {said}")

    # --- how ----------------------------------------------------------------------------------

    def _sign_in(self, resident: Resident, *, purpose: str) -> None:
        network = resident.network
        page = self._visitor.send(
            f"/auth/{network}/start", typed=resident.handle, purpose=purpose, next="/accounts"
        )
        self._must(urlsplit(page.url).path.startswith("/_simulated"), f"sign-in went to {page.url}")
        there = urlsplit(page.url)
        back = self._visitor.send(f"{there.path}?{there.query}", who=resident.id, answer="allow")
        self._must(back.status == 200, f"{resident.handle} came back to {back.url}: {back.status}")

    def _settle(self) -> None:
        """Wait until nothing waits to be sent."""

        def waiting() -> list[str]:
            page = self._visitor.get("/api/v1/reconnection/ledger?state=waiting").json()
            return [f"{row['handle']}: {row['reason']}" for row in page["items"]]

        self._until(waiting, lambda rows: not rows)

    def _ledger(self) -> dict[tuple[NetworkName, str], str]:
        rows: dict[tuple[NetworkName, str], str] = {}
        cursor = ""
        while True:
            page = self._visitor.get(f"/api/v1/reconnection/ledger?cursor={quote(cursor)}").json()
            for row in page["items"]:
                rows[NetworkName(row["network"]), row["actor_id"]] = row["state"]
            cursor = page["next_cursor"] or ""
            if not cursor:
                return rows

    def _matched(self) -> set[tuple[NetworkName, str]]:
        """Return every account of the people found, on the networks where I am too."""
        found: set[tuple[NetworkName, str]] = set()
        cursor = ""
        while True:
            page = self._visitor.get(f"/api/v1/matches?cursor={quote(cursor)}").json()
            found |= {
                (NetworkName(account["network"]), account["actor_id"])
                for match in page["items"]
                for account in match["accounts"]
                if account["network"] in self._home and account["network"] in DESTINATIONS
            }
            cursor = page["next_cursor"] or ""
            if not cursor:
                return found

    def _present(self, whom: tuple[NetworkName, str]) -> tuple[NetworkName, str]:
        """Return where an account lives now, if it moved."""
        network, actor_id = whom
        resident = self._residents[network].get(actor_id)
        while resident is not None and resident.moved_to is not None:
            resident = self._residents[network].get(resident.moved_to)
        return network, resident.id if resident is not None else actor_id

    def _follows(self) -> Counter[tuple[NetworkName, str]]:
        """Ask the simulated networks whom the newcomer follows now."""
        return Counter(
            (network, whom)
            for network in DESTINATIONS
            if network in self._home
            for whom in stage.follows(self._site, self._home[network])
        )

    def _someone_to_arrive(self) -> dict[NetworkName, Resident]:
        """Choose somebody the newcomer followed, who is open to follows and not here yet."""
        mine = stage.following(self._site, self._home[SOURCE])
        for person, home in sorted(self._homes.items()):
            waits = home[SOURCE].id in mine and person % stage.ONE_IN
            easy = not any(one.locked or "flaky" in one.instance for one in home.values())
            if waits and easy and len(home) > 1:
                return home
        raise Wrong("nobody is left to arrive")

    def _until(self, look: Callable[[], Value], enough: Callable[[Value], bool]) -> Value:
        give_up = monotonic() + _PATIENCE_SECONDS
        while not enough(seen := look()):
            if monotonic() > give_up:
                raise Wrong(f"waited {_PATIENCE_SECONDS:.0f} s in vain; last seen: {seen}")
            time.sleep(_LOOK_SECONDS)
        return seen

    def _title(self, network: str) -> str:
        return self._site.networks[NetworkName(network)].title

    def _must(self, holds: bool, text: str) -> None:
        if not holds:
            raise Wrong(text)
