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
    with pytest.raises(Busy) as said, line.turn(who, clock):
        pass
    assert said.value.until > clock.now()
    return int(said.value.detail["place"])


def test_who_comes_first_is_served_first_and_keeps_their_place(clock: MovedClock) -> None:
    line = Line(1)
    with line.turn(b"inside", clock):
        assert [place(line, who, clock) for who in (b"ada", b"bea", b"ada")] == [1, 2, 1]
    assert place(line, b"bea", clock) == 2  # there is room, and it is Ada's
    with line.turn(b"ada", clock):
        assert place(line, b"bea", clock) == 1
    with line.turn(b"bea", clock):
        pass
    assert line.length == 0


def test_a_place_is_not_kept_for_ever(clock: MovedClock) -> None:
    line = Line(1)
    with line.turn(b"inside", clock):
        place(line, b"ada", clock)
    clock.forward(minutes=2)
    with line.turn(b"bea", clock):
        assert line.length == 0


def told_to_wait(line: Line, who: bytes, clock: MovedClock) -> timedelta:
    """Ask for a turn in vain; return how long one is told to wait, to the second."""
    now = clock.now()
    with pytest.raises(Busy) as said, line.turn(who, clock):
        pass
    return timedelta(seconds=round((said.value.until - now).total_seconds()))


def test_who_is_far_behind_comes_back_later(clock: MovedClock) -> None:
    line = Line(10)
    with ExitStack() as inside:
        for number in range(line.most):
            inside.enter_context(line.turn(bytes([number]), clock))
        waits = [told_to_wait(line, str(number).encode(), clock) for number in range(1_000)]
    assert waits == sorted(waits)
    assert waits[0] < waits[-1] == timedelta(seconds=30)


def test_the_longer_it_takes_the_later_one_comes_back(clock: MovedClock) -> None:
    line, waits = Line(1), []
    for seconds in (1, 10):
        for number in range(100):
            with line.turn(bytes([number]), clock):
                told_to_wait(line, bytes([number + 1]), clock)
                clock.forward(seconds=seconds)
        with line.turn(bytes([100]), clock):
            waits.append([told_to_wait(line, bytes([number]), clock) for number in range(3)])
        clock.forward(minutes=2)  # nobody came back for their place
    assert waits == [[timedelta(seconds=s) for s in told] for told in ([2, 2, 2], [2, 10, 20])]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_pages_and_signing_in_go_on_while_lists_wait(house: House) -> None:
    browser = house.new_browser()
    with ExitStack() as inside:
        line = house.line
        for number in range(line.most):
            inside.enter_context(line.turn(str(number).encode(), house.clock))
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
            inside.enter_context(line.turn(b"ada", clock))
        assert place(line, b"ada", clock) == 1
        with line.turn(b"bea", clock):
            pass
    with line.turn(b"ada", clock):
        pass
