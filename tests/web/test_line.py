"""On a crowded day who brings lists waits in line, with a place; pages go on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from openportability.clock import MovedClock
from openportability.errors import Busy
from openportability.web.line import Line
from tests.house import House, full

R = TypeVar("R")


def place(line: Line, who: bytes, clock: MovedClock) -> int:
    """Ask for a turn in vain; return the place that is told."""
    with pytest.raises(Busy) as said:
        line.enter(who, clock.now())
    assert said.value.until > clock.now()
    return int(said.value.detail["place"])


class Coming:
    """Somebody who has come to a line, and waits there for as long as they are let."""

    def __init__(self, line: Line, who: bytes, clock: MovedClock) -> None:
        self.inside = asyncio.Event()
        self.leaves = asyncio.Event()
        self._turn = line.turn(who, clock.now())
        self.gone = asyncio.create_task(self._come())

    async def _come(self) -> None:
        async with self._turn:
            self.inside.set()
            await self.leaves.wait()


async def turn_by_turn(line: Line, clock: MovedClock, names: str) -> str:
    """Let all come in the order of their names and each leave as soon as they are inside; return who came in."""
    coming = {name: Coming(line, name.encode(), clock) for name in names}
    order = ""
    while len(order) < len(names):
        await asyncio.sleep(0)
        for name, one in coming.items():
            if one.inside.is_set() and name not in order:
                order += name
                one.leaves.set()
    await asyncio.gather(*(one.gone for one in coming.values()))
    return order


def aside(act: Coroutine[Any, Any, R]) -> R:
    """Run this in a loop of its own: where a browser was driven before, the main thread has one that runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, act).result()


def test_who_is_next_waits_here_and_comes_in_when_somebody_leaves(clock: MovedClock) -> None:
    line = Line(2)
    assert aside(turn_by_turn(line, clock, "abcdef")) == "abcdef"
    assert line.length == 0


def test_who_is_far_behind_is_sent_away_with_a_place_that_is_kept(clock: MovedClock) -> None:
    line = Line(1)

    async def crowd() -> None:
        first = Coming(line, b"first", clock)
        await first.inside.wait()
        held = [Coming(line, who, clock) for who in (b"second", b"third")]
        await asyncio.sleep(0)
        assert [place(line, who, clock) for who in (b"ada", b"bea", b"ada")] == [3, 4, 3]
        first.leaves.set()
        await held[0].inside.wait()
        ada = Coming(line, b"ada", clock)
        held[0].leaves.set()
        await held[1].inside.wait()
        assert not ada.inside.is_set()
        held[1].leaves.set()
        await ada.inside.wait()
        assert not line.enter(b"new", clock.now())  # Bea, who is not back, is before them
        ada.leaves.set()
        await ada.gone
        assert line.enter(b"bea", clock.now())

    aside(crowd())


async def bring(line: Line, clock: MovedClock) -> None:
    async with line.turn(b"ada", clock.now()):
        pass


def test_nobody_waits_here_for_long_and_a_place_is_kept(clock: MovedClock) -> None:
    line = Line(1)
    with full(line, clock):
        with pytest.raises(Busy) as said:
            aside(bring(line, clock))
        assert said.value.detail["place"] == 1
        assert said.value.until > clock.now()
    assert not line.enter(b"bea", clock.now())  # there is room, and it is Ada's
    aside(bring(line, clock))
    assert line.enter(b"bea", clock.now())


def test_a_place_is_not_kept_for_ever(clock: MovedClock) -> None:
    line = Line(1)
    with full(line, clock), pytest.raises(Busy):
        aside(bring(line, clock))
    assert line.length == 1
    clock.forward(minutes=2)
    assert line.enter(b"bea", clock.now())
    assert line.length == 0


def test_who_is_far_behind_comes_back_later(clock: MovedClock) -> None:
    line, now = Line(0), clock.now()
    waits = []
    for number in range(2_000):
        with pytest.raises(Busy) as said:
            line.enter(str(number).encode(), now)
        waits.append(said.value.until - now)
    assert waits == sorted(waits)
    assert waits[0] < waits[-1] <= timedelta(seconds=30)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_pages_and_signing_in_go_on_while_lists_wait(house: House) -> None:
    browser = house.new_browser()
    with full(house.line, house.clock):
        browser.sign_in("bird", "newcomer")
        assert browser.get("/archive").status == 200
        told = browser.api("POST", "/archives", {})
        assert (told.status, told.json()["code"], told.json()["place"]) == (503, "svc.queue", 1)
        assert int(told.headers["retry-after"]) > 0
        page = browser.send("/archive")
        assert page.status == 503
        assert "Your place in the queue is 1" in page.words
    assert browser.api("POST", "/archives", {}).status == 400


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_pages_go_on_while_everybody_waits_to_be_counted(house: House) -> None:
    """SQLite takes one writer at a time: as many as there are threads for pages want to sign in, and wait for it."""
    member = house.new_browser()
    member.sign_in("bird", "newcomer")
    many = house.site.settings.web_threads + 2
    with ThreadPoolExecutor(many) as threads:
        with house.site.db.write():
            waiting = [
                threads.submit(member.send, "/auth/bird/start", {"purpose": "identify"})
                for _ in range(many)
            ]
            assert member.get("/archive").status == 200
            assert not any(one.done() for one in waiting)
        assert {one.result().status for one in waiting} == {303}


def test_nobody_takes_the_turns_of_all(clock: MovedClock) -> None:
    line, now = Line(10), clock.now()
    assert all(line.enter(b"ada", now) for _ in range(3))
    assert place(line, b"ada", clock) == 1
    assert line.enter(b"bea", now)
    line.leave(b"ada")
    assert line.enter(b"ada", now)
