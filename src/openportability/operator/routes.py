"""What machines ask: does the process live, can it work, what are its numbers."""

from __future__ import annotations

import re
import secrets

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from openportability.accounts.session import TheSite
from openportability.errors import NotFound
from openportability.operator import health, metrics
from openportability.web.who import anybody

router = APIRouter(include_in_schema=False)

_LOOPBACK = {"127.0.0.1", "::1"}
#: Who is beside us calls us so. A proxy that says nothing of whom it asks for passes on our public name.
_CALLED = re.compile(r"(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?")
#: A proxy says by one of these for whom it asks; then the asking machine is not the one beside us.
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get("/healthz")
@anybody
def healthz() -> dict[str, str]:
    return {"status": "ok", "version": health.version()}


@router.get("/readyz")
@anybody
def readyz(site: TheSite) -> Response:
    """Say which part is down. Without some of them pages still answer: no reason to take those away.

    `away` counts servers of networks that do not answer. They are not ours, so the site is ready without them.
    """
    parts = health.parts(site)
    down = {part for part, said in parts.items() if said != health.OK}
    if down - health.LESSER:
        return JSONResponse({"status": "down", "parts": parts}, 503)
    status = "degraded" if down else "ready"
    return JSONResponse({"status": status, "parts": parts, "away": dict(health.away(site))})


@router.get("/metrics")
@anybody
def read_metrics(request: Request, site: TheSite) -> Response:
    if not _may_read(request, site.settings.metrics_token):
        raise NotFound
    state = request.app.state
    found = metrics.of_process(state.tally.copy(), state.streams.count, state.line.length)
    found += metrics.of_site(site, state.ledger)
    return PlainTextResponse(metrics.exposition(found), media_type="text/plain; version=0.0.4")


def _may_read(request: Request, token: str) -> bool:
    if token:
        given = request.headers.get("authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {token}".encode())
    asking = request.client.host if request.client else ""
    return bool(
        asking in _LOOPBACK
        and _CALLED.fullmatch(request.headers.get("host", ""))
        and not any(name in request.headers for name in _PASSED_ON)
    )
