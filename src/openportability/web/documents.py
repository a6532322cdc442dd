"""Pages that a network publishes on our site, mounted unseen."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from openportability.network import Asked, Document, Served
from openportability.web.who import anybody


def published(document: Document) -> APIRouter:
    """Return the route of a document."""
    router = APIRouter()

    # Only awaits the form, whose fields nobody but the network knows; the document itself is sync.
    @anybody
    async def serve(request: Request) -> Response:
        form = await request.form() if request.method == "POST" else {}
        asked = Asked(
            method=request.method,
            query=dict(request.query_params),
            form={name: value for name, value in form.items() if isinstance(value, str)},
        )
        return _answer(await run_in_threadpool(document.serve, asked))

    router.add_api_route(
        document.path, serve, methods=["GET", "POST"], include_in_schema=False, response_model=None
    )
    return router


def _answer(served: Served) -> Response:
    if served.location is not None:
        return RedirectResponse(served.location, 303)
    headers = {}
    if served.download is not None:
        headers["Content-Disposition"] = f'attachment; filename="{served.download}"'
    return Response(served.body, served.status, headers, served.media_type)
