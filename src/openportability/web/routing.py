"""Routes that answer who only looks as a whole, in one thread. Decision 133."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from openportability.web import rates
from openportability.web.threads import as_a_whole, at_once


class Route(APIRoute):
    """A route; as a whole are those that only look, but for what the database counts, or has threads of its own."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        rate = rates.rate_of("GET", path)
        looks = set(more.get("methods") or ()) == {"GET"} and not (rate and rate.shared)
        self._whole = looks and not iscoroutinefunction(endpoint)
        super().__init__(path, at_once(endpoint) if self._whole else endpoint, **more)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()
        return as_a_whole(handle) if self._whole else handle


class Router(APIRouter):
    """A router of such routes."""

    def __init__(self, **more: Any) -> None:
        super().__init__(route_class=Route, **more)
