"""One address that takes several kinds of body: a route for each, chosen by what the body is."""

from __future__ import annotations

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope


def taking(media_type: str) -> type[APIRoute]:
    """Return a kind of route that sees only requests with such a body.

    Add it before the route that takes the rest.
    """

    class Taking(APIRoute):
        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            match, child = super().matches(scope)
            kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
            return (match if kind == media_type else Match.NONE), child

    return Taking
