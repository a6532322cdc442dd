from __future__ import annotations

from datetime import timedelta

from openportability.clock import MovedClock
from openportability.networks.mastodon.memory import Memory


def test_what_was_put_is_remembered_for_its_time(clock: MovedClock) -> None:
    memory: Memory[str, int] = Memory(clock, keep=timedelta(hours=1), most=10)
    memory.put("a", 1)
    assert memory.get("a") == 1
    clock.forward(minutes=61)
    assert memory.get("a") is None


def test_the_oldest_makes_room(clock: MovedClock) -> None:
    memory: Memory[str, int] = Memory(clock, keep=timedelta(hours=1), most=2)
    for number, key in enumerate("aba"):
        memory.put(key, number)
    memory.put("c", 3)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (2, None, 3)
