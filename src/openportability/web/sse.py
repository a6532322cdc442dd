"""Event streams: a block of a page, sent again whenever it changes.

All streams of the process share one look a second: each key is looked at once, however many pages
show it. A stream keeps only the newest text, is cut after a while (the page connects again by
itself), and ends when its page leaves.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from openportability.errors import Busy, OpenPortabilityError, without_words
from openportability.web.house import house_of

log = logging.getLogger(__name__)

#: How often everything is looked at.
LOOK_SECONDS = 1.0
#: How often a silent stream says that it is alive; proxies cut what is silent for a minute.
HEARTBEAT_SECONDS = 15.0
#: When a stream ends and the page connects again, so that none outlives a revoked session by much.
LIFE_SECONDS = 600.0
#: Most open streams in one process; pages beyond stay as they are, and ask again (js/main.js).
MOST_STREAMS = 2000


def stream(request: Request, key: Hashable, look: Callable[[], str]) -> StreamingResponse:
    """Answer with `look()` now and whenever it changes.

    `key` says what is looked at: whose, and in which language. Streams of one key share one look.
    `look` is called in a thread, and may raise to end the stream. `Busy`: too many are open.
    """
    streams: Streams = request.app.state.streams
    if streams.count >= MOST_STREAMS:
        raise Busy(house_of(request).clock.now() + timedelta(minutes=1))
    return StreamingResponse(
        streams.events(key, look),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


@dataclass(eq=False)
class _Topic:
    """One thing that is looked at, and the pages that show it."""

    #: Runs the look in the language and context of the first page that asked.
    look: Callable[[], str]
    #: Counts the changes; a page that has seen less has something to show.
    version: int = 0
    text: str = ""
    ended: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    viewers: int = 0


class Streams:
    """The open streams of one process. Used in its event loop only, but for `count` and `close`."""

    def __init__(self) -> None:
        self.count = 0
        self._topics: dict[Hashable, _Topic] = {}
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    def close(self) -> None:
        """End all streams within a second; call it when the process is told to stop."""
        self._closed = True

    async def events(self, key: Hashable, look: Callable[[], str]) -> AsyncIterator[str]:
        """Yield the events of one page until it leaves."""
        topic = self._join(key, look)
        loop = asyncio.get_running_loop()
        end = loop.time() + LIFE_SECONDS
        seen = 0
        try:
            while not topic.ended and not self._closed and loop.time() < end:
                if topic.version > seen:
                    seen = topic.version
                    yield _event(topic.text)
                elif not await _within(topic.changed.wait(), HEARTBEAT_SECONDS):
                    yield ": alive\n\n"
        finally:
            self._leave(key, topic)

    def _join(self, key: Hashable, look: Callable[[], str]) -> _Topic:
        context = contextvars.copy_context()
        topic = self._topics.setdefault(key, _Topic(look=lambda: context.run(look)))
        topic.viewers += 1
        self.count += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._keep_looking())
        return topic

    def _leave(self, key: Hashable, topic: _Topic) -> None:
        self.count -= 1
        topic.viewers -= 1
        if topic.viewers == 0 and self._topics.get(key) is topic:
            del self._topics[key]

    async def _keep_looking(self) -> None:
        while self._topics and not self._closed:
            topics = list(self._topics.items())
            seen = await run_in_threadpool(_look_at_all, [topic for _, topic in topics])
            for (key, topic), text in zip(topics, seen, strict=True):
                self._record(key, topic, text)
            await asyncio.sleep(LOOK_SECONDS)
        for topic in self._topics.values():
            topic.ended = True
            topic.changed.set()

    def _record(self, key: Hashable, topic: _Topic, text: str | None) -> None:
        if text is None:
            topic.ended = True
            self._topics.pop(key, None)
        elif text == topic.text and topic.version:
            return
        else:
            topic.text, topic.version = text, topic.version + 1
        # Whoever waits is woken; whoever comes next waits for the next change.
        topic.changed.set()
        topic.changed = asyncio.Event()


def _look_at_all(topics: Sequence[_Topic]) -> list[str | None]:
    return [_look(topic) for topic in topics]


def _look(topic: _Topic) -> str | None:
    """Return what is to be shown, or None when there is nothing more to show."""
    try:
        return topic.look()
    except OpenPortabilityError:
        return None
    except Exception as error:  # noqa: BLE001 - see below
        # The last door of a page's look: one that breaks must not end the streams of all others.
        log.error("look_failed", extra=without_words(error))
        return None


async def _within(waiting: Awaitable[object], seconds: float) -> bool:
    try:
        await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        return False
    return True


def _event(text: str) -> str:
    return "".join(f"data: {line}\n" for line in text.splitlines() or [""]) + "\n"
