"""All routes of the program, with who may call them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, _IncludedRouter
from starlette.routing import BaseRoute, Route

from openportability.accounts import session
from openportability.web.who import is_for_anybody

#: Of the framework: the description of the API, which holds nothing of anybody.
DESCRIPTION = "/api/v1/openapi.json"


@dataclass(frozen=True, kw_only=True)
class Called:
    """A route and one of its methods. `who` is member, visitor, anybody, or empty: not declared."""

    method: str
    path: str
    who: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def all_routes(app: FastAPI) -> list[Called]:
    """Return every route that answers."""
    return [
        Called(method=method, path=route.path, who=_who(route))
        for route in _flat(app.routes)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def _flat(routes: Sequence[BaseRoute]) -> Iterator[Any]:
    for route in routes:
        if isinstance(route, _IncludedRouter):
            yield from _flat(route.original_router.routes)
        else:
            yield route


def _who(route: Route) -> str:
    if not isinstance(route, APIRoute):
        return "anybody" if route.path == DESCRIPTION else ""
    asked = set(_dependencies(route.dependant))
    if session.member in asked:
        return "member"
    if session.visitor in asked:
        return "visitor"
    return "anybody" if is_for_anybody(route.endpoint) else ""


def _dependencies(dependant: Dependant) -> Iterator[Any]:
    for one in dependant.dependencies:
        yield one.call
        yield from _dependencies(one)
