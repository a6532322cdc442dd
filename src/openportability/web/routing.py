"""Routes that answer who only looks as a whole, in one thread (decision 133), and who asks for the head of a page."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from openportability.web import rates
from openportability.web.threads import as_a_whole, at_once


class Route(APIRoute):
    """A route; as a whole are those that only look, but for what the database counts, or has threads of its own.

    Pages among these are asked for their head as well: RFC 9110, section 9.3.2. What changes something has none, nor
    has what is not a page: its methods stand in its schema.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        rate = rates.rate_of("GET", path)
        looks = set(more.get("methods") or ()) == {"GET"} and not (rate and rate.shared)
        self._whole = looks and not iscoroutinefunction(endpoint)
        if self._whole and not more.get("include_in_schema", True):
            more["methods"] = ["GET", "HEAD"]
        super().__init__(path, at_once(endpoint) if self._whole else endpoint, **more)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()
        return _or_its_head(as_a_whole(handle)) if self._whole else handle


class Router(APIRouter):
    """A router of such routes."""

    def __init__(self, **more: Any) -> None:
        super().__init__(route_class=Route, **more)


def _or_its_head(
    handle: Callable[[Request], Coroutine[Any, Any, Response]],
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Answer who asks for the head alone with nothing more: not even a stream begins."""

    async def answer(request: Request) -> Response:
        response = await handle(request)
        if request.method != "HEAD":
            return response
        head = Response(status_code=response.status_code)
        head.raw_headers = response.raw_headers
        return head

    return answer
