"""What only the engine in memory promises."""

from __future__ import annotations

from itertools import count
from threading import Event, Lock, Thread

from openportability.jobs.local import LocalRunner, Timetable
from openportability.jobs.port import Chore, Job, Wake, Work

LONG = 30


def chore(name: str, seconds: int) -> Chore:
    return Chore(name=name, seconds=seconds, look=list)


def test_a_timetable_has_all_due_at_the_start_and_then_each_at_its_time() -> None:
    timetable = Timetable([chore("quick", 5), chore("slow", 60)], now=100.0)
    assert timetable.seconds_to_next(100.0) == 0
    assert [due.name for due in timetable.take(100.0)] == ["quick", "slow"]
    assert timetable.seconds_to_next(101.0) == 4
    assert [due.name for due in timetable.take(104.0)] == []
    assert [due.name for due in timetable.take(105.0)] == ["quick"]
    assert timetable.seconds_to_next(106.0) == 4


def test_a_timetable_makes_up_for_nothing_that_was_missed() -> None:
    timetable = Timetable([chore("quick", 5)], now=0.0)
    assert [due.name for due in timetable.take(1_000.0)] == ["quick"]
    assert timetable.seconds_to_next(1_000.0) == 5


def test_a_timetable_of_no_chores_is_never_due() -> None:
    assert Timetable([], now=0.0).seconds_to_next(1.0) is None


def test_one_key_is_never_served_twice_at_once_and_two_keys_are() -> None:
    inside: list[str] = []
    guard, together, last = Lock(), Event(), Event()
    overlaps: list[str] = []

    def serve(key: str) -> None:
        with guard:
            if key in inside:
                overlaps.append(key)
            inside.append(key)
            if len(set(inside)) == 2:
                together.set()
        assert together.wait(LONG)
        with guard:
            inside.remove(key)

    engine = LocalRunner(threads=4)
    jobs = [Job(name="serve", run=serve), Job(name="last", run=lambda key: last.set())]
    engine.register(Work(jobs=jobs, chores=[]))
    stop = Event()
    runner = Thread(target=engine.run, args=(stop,))
    runner.start()
    for _ in range(500):
        engine.wake(Wake(job="serve", key="a"))
        engine.wake(Wake(job="serve", key="b"))
    engine.wake(Wake(job="last", key=""))
    assert together.wait(LONG)
    assert last.wait(LONG)
    stop.set()
    runner.join(LONG)
    assert overlaps == []


def test_a_chore_goes_before_a_long_queue() -> None:
    order: list[str] = []
    last = Event()
    engine = LocalRunner(threads=1)

    def serve(key: str) -> None:
        order.append(key)
        if key == "9":
            last.set()

    def look() -> list[Wake]:
        order.append("chore")
        return []

    find = Chore(name="find", seconds=1_000, look=look)
    engine.register(Work(jobs=[Job(name="serve", run=serve)], chores=[find]))
    for n in range(10):
        engine.wake(Wake(job="serve", key=str(n)))
    stop = Event()
    runner = Thread(target=engine.run, args=(stop,))
    runner.start()
    assert last.wait(LONG)
    stop.set()
    runner.join(LONG)
    assert order[0] == "chore"


def test_chores_come_again_when_their_seconds_have_passed() -> None:
    looks: list[float] = []
    third = Event()
    seconds = count(step=7)  # each time it is asked, the clock has gone on by 7 s

    def look() -> list[Wake]:
        looks.append(0)
        if len(looks) == 3:
            third.set()
        return []

    engine = LocalRunner(threads=1, clock=lambda: float(next(seconds)))
    engine.register(Work(jobs=[], chores=[Chore(name="find", seconds=5, look=look)]))
    stop = Event()
    runner = Thread(target=engine.run, args=(stop,))
    runner.start()
    assert third.wait(LONG)
    stop.set()
    runner.join(LONG)
