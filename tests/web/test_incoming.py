"""A body may be slow, but not rest; the time of these tests passes only where they say so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message

from openportability.web.incoming import Incoming

LIMIT = 30.0
END: Message = {"type": "http.request", "body": b"", "more_body": False}


class Slow:
    """Who sends a body: each piece takes so many seconds."""

    def __init__(self, *seconds: float, size: int = 10) -> None:
        self._left = list(seconds)
        self._piece: Message = {"type": "http.request", "body": b"x" * size, "more_body": True}
        self.now = 0.0

    async def receive(self) -> Message:
        if not self._left:
            return END
        self.now += self._left.pop(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self._piece


def taking(sender: Slow, act: Callable[[Incoming], Coroutine[None, None, list[int]]]) -> list[int]:
    """Receive what is sent while the loop's clock is the sender's.

    In a thread of its own: where a browser was driven before, the main thread has a loop that runs.
    """
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(_taking, sender, act).result()


def _taking(sender: Slow, act: Callable[[Incoming], Coroutine[None, None, list[int]]]) -> list[int]:
    loop = asyncio.new_event_loop()
    loop.time = lambda: sender.now  # type: ignore[method-assign]  # nobody waits in these tests
    try:
        return loop.run_until_complete(act(Incoming(sender.receive, 10 << 20, LIMIT)))
    finally:
        loop.close()


async def sizes(body: Incoming) -> list[int]:
    found, more = [], True
    while more:
        message = await body.receive()
        found.append(len(message["body"]))
        more = message["more_body"]
    return found


def test_a_slow_body_is_waited_for_as_long_as_something_comes() -> None:
    assert taking(Slow(*[LIMIT - 1] * 50), sizes) == [500]


def test_a_body_that_rests_is_ended() -> None:
    with pytest.raises(HTTPException) as caught:
        taking(Slow(1, 1, LIMIT + 1, 1), sizes)
    assert caught.value.status_code == 408


def test_a_large_body_is_handed_on_in_large_pieces() -> None:
    assert taking(Slow(*[0] * 20, size=300_000), sizes) == [1_200_000] * 5 + [0]


def test_who_has_sent_all_may_wait_as_long_as_the_answer_takes() -> None:
    async def wait(body: Incoming) -> list[int]:
        assert await sizes(body) == [0]
        sender.now += LIMIT + 1
        assert await body.receive() is END
        return []

    sender = Slow()
    taking(sender, wait)
