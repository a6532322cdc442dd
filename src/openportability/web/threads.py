"""Which threads answer a request: a few for who only looks, more for who changes something, others for what waits for
other servers, a few for lists.

Who only looks is answered as a whole by one thread, and waits in line until that begins: as many threads as have
something to compute at a time only take the interpreter from each other. Where looking waits for nothing, because
the database is computed in this process as well, there is one such thread. Decisions 133 and 134.

A server of a network that answers slowly holds threads of the second kind until they are all waiting; pages
go on. So they do while everybody brings lists, of which few are read at a time, and while everybody signs in:
requests that the database counts wait for its writer in a few threads of their own. The thread pool is the event
loop's own, so it is set when that begins.
"""

from __future__ import annotations

from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

P = ParamSpec("P")
R = TypeVar("R")

_WAITING: RunVar[CapacityLimiter] = RunVar("openportability.waiting")
_READING: RunVar[CapacityLimiter] = RunVar("openportability.reading")
_COUNTING: RunVar[CapacityLimiter] = RunVar("openportability.counting")
_LOOKING: RunVar[_Lookers] = RunVar("openportability.looking")
#: Whether a request is answered as a whole in the thread one is in.
_INSIDE: ContextVar[bool] = ContextVar("openportability.inside", default=False)
#: One in so many threads reads lists, and one counts requests.
_ONE_IN = 8
#: One in so many answers who only looks and waits for a database. More than one at least: it may be slow.
_ONE_LOOKS_IN = 4
#: Where nobody said how many, as in tests of a route alone.
_FEW = 4


class _Lookers:
    """The threads that answer who only looks, so many at a time."""

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count)
        # One more stands ready: a thread takes that one up at once. If the event loop had to hand it on first, threads
        # that change something would have the interpreter. If all stood ready, pages would be made faster than sent.
        self._ready = CapacityLimiter(count + 1)

    async def carry_out(self, work: Callable[[], R]) -> R:
        """Do this in one of the threads, in the context of who asks."""
        async with self._ready:
            context = copy_context()
            return await get_running_loop().run_in_executor(self._threads, context.run, work)


def share_out(count: int, *, looks_wait: bool) -> None:
    """Let `count` requests be answered at a time, and as many more wait for other servers.

    `looks_wait`: who looks waits for another process, and leaves the interpreter to others meanwhile.
    """
    to_thread.current_default_thread_limiter().total_tokens = count
    _WAITING.set(CapacityLimiter(count))
    for few in (_READING, _COUNTING):
        few.set(CapacityLimiter(max(1, count // _ONE_IN)))
    _LOOKING.set(_Lookers(max(2, count // _ONE_LOOKS_IN) if looks_wait else 1))


def waiting_for_others(endpoint: Callable[P, R]) -> Callable[P, R]:
    """Answer with this function in a thread of those that may wait for other servers."""
    return _among(lambda *_, **__: _limiter(_WAITING), endpoint)


def reading_lists(endpoint: Callable[P, R]) -> Callable[P, R]:
    """Answer with this function in one of the few threads that read lists."""
    return _among(lambda *_, **__: _limiter(_READING), endpoint)


def counted_where(counts: Callable[P, bool]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Answer in one of the few threads that count where `counts` says so of what is asked; else in one for pages."""

    def kind(*args: P.args, **kwargs: P.kwargs) -> CapacityLimiter | None:
        return _limiter(_COUNTING) if counts(*args, **kwargs) else None

    return partial(_among, kind)


def run_counting(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
    """Do this in one of the few threads that count."""
    return to_thread.run_sync(partial(function, *args, **kwargs), limiter=_limiter(_COUNTING))


def as_a_whole(handle: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Answer who only looks in one thread, from the question who it is to the page.

    All that is asked for meanwhile must be `at_once`, or of a kind of threads that it is then spared: nothing may wait.
    """

    @wraps(handle)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> R:
        return await _lookers().carry_out(partial(_carried_out, handle, *args, **kwargs))

    return answer


def at_once(quick: Callable[P, R]) -> Callable[P, R]:
    """Call this where it stands, without a thread: for what waits for nobody, not even the database."""

    @wraps(quick)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> R:
        return quick(*args, **kwargs)

    return answer  # type: ignore[return-value]  # awaited by the framework, which asks what it is


def _carried_out(
    handle: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Carry out what is written as if it waited, but does not."""
    _INSIDE.set(True)
    handling = handle(*args, **kwargs)
    try:
        handling.send(None)
    except StopIteration as done:
        answer: R = done.value
        return answer
    handling.close()
    raise RuntimeError("a route that is answered as a whole asks for something that waits")


def _among(kind: Callable[P, CapacityLimiter | None], endpoint: Callable[P, R]) -> Callable[P, R]:
    """Answer in a thread of the kind that is said for what is asked; None: of those for pages."""

    @wraps(endpoint)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> Any:
        if _INSIDE.get():
            return endpoint(*args, **kwargs)
        work = partial(endpoint, *args, **kwargs)
        return await to_thread.run_sync(work, limiter=kind(*args, **kwargs))

    return answer  # type: ignore[return-value]  # awaited by the framework, which asks what it is


def _lookers() -> _Lookers:
    lookers = _LOOKING.get(None)
    if lookers is None:
        lookers = _Lookers(_FEW)
        _LOOKING.set(lookers)
    return lookers


def _limiter(kind: RunVar[CapacityLimiter]) -> CapacityLimiter:
    limiter = kind.get(None)
    if limiter is None:
        limiter = CapacityLimiter(_FEW)
        kind.set(limiter)
    return limiter
