"""On a crowded day who brings lists waits in line, with a place; pages go on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest

from openportability.clock import MovedClock
from openportability.errors import Busy
from openportability.web.line import Line
from tests.house import House


def place(line: Line, who: bytes, clock: MovedClock) -> int:
    """Ask for a turn in vain; return the place that is told."""
    with pytest.raises(Busy) as said, line.turn(who, clock.now()):
        pass
    assert said.value.until > clock.now()
    return int(said.value.detail["place"])


def test_who_comes_first_is_served_first_and_keeps_their_place(clock: MovedClock) -> None:
    line = Line(1)
    with line.turn(b"inside", clock.now()):
        assert [place(line, who, clock) for who in (b"ada", b"bea", b"ada")] == [1, 2, 1]
    assert place(line, b"bea", clock) == 2  # there is room, and it is Ada's
    with line.turn(b"ada", clock.now()):
        assert place(line, b"bea", clock) == 1
    with line.turn(b"bea", clock.now()):
        pass
    assert line.length == 0


def test_a_place_is_not_kept_for_ever(clock: MovedClock) -> None:
    line = Line(1)
    with line.turn(b"inside", clock.now()):
        place(line, b"ada", clock)
    clock.forward(minutes=2)
    with line.turn(b"bea", clock.now()):
        assert line.length == 0


def test_who_is_far_behind_comes_back_later(clock: MovedClock) -> None:
    line, now = Line(0), clock.now()
    waits = []
    for number in range(1_000):
        with pytest.raises(Busy) as said, line.turn(str(number).encode(), now):
            pass
        waits.append(said.value.until - now)
    assert waits == sorted(waits)
    assert waits[0] < waits[-1] <= timedelta(seconds=30)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_pages_and_signing_in_go_on_while_lists_wait(house: House) -> None:
    browser = house.new_browser()
    with ExitStack() as inside:
        line = house.line
        for number in range(line.most):
            inside.enter_context(line.turn(str(number).encode(), house.clock.now()))
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
    line = Line(10)
    with ExitStack() as inside:
        for _ in range(3):
            inside.enter_context(line.turn(b"ada", clock.now()))
        assert place(line, b"ada", clock) == 1
        with line.turn(b"bea", clock.now()):
            pass
    with line.turn(b"ada", clock.now()):
        pass
