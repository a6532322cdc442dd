"""A page for operators, served to the machine itself by who has a shell there, and never by the site.

It is an application of its own on loopback, opened by a key that only the command shows: there is no role in the
database and no route of the site that a stolen session could reach. States and counts, no lists and nobody's name.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from openportability.errors import Invalid, Misconfigured, NotFound
from openportability.operator import audit, health, service
from openportability.site import Site
from openportability.web import cookies, render, shell
from openportability.web.i18n import to_translate

_COOKIE = "operator"

_AGAIN = to_translate("What waits for servers is tried again now.")
_PAUSED = to_translate("Nobody is followed there until the pause ends.")
_ENDED = to_translate("The pause has ended.")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The page, and the address that opens it."""

    app: FastAPI
    url: str


def make(site: Site, port: int) -> Desk:
    """Make the page for one who sits at this machine, or has a tunnel to it."""
    home = f"http://127.0.0.1:{port}"
    key = secrets.token_urlsafe(24)
    here = replace(site, settings=site.settings.model_copy(update={"base_url": home}))
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    shell.dress(app, here)
    app.include_router(_routes(here, key))
    return Desk(app=app, url=f"{home}/?key={key}")


def _routes(site: Site, key: str) -> APIRouter:
    def opened(request: Request) -> None:
        """Let in whose browser holds the key; to others there is nothing here."""
        held = cookies.read(request, _COOKIE) or ""
        if not secrets.compare_digest(held.encode(), key.encode()):
            raise NotFound

    inside = APIRouter(dependencies=[Depends(opened)])

    @inside.get("/desk")
    def show(request: Request) -> Response:
        return render.page(
            request,
            "operator/desk.html",
            parts=health.parts(site),
            seen=service.overview(site),
            version=health.version(),
            acts=list(audit.told(site.db)),
        )

    @inside.post("/pause")
    def pause(
        request: Request,
        network: Annotated[str, Form()],
        instance: Annotated[str, Form()] = "",
        hours: Annotated[float, Form(ge=0, le=service.MOST_HOURS)] = 24,
    ) -> Response:
        try:
            service.pause(site, network, instance, hours)
        except Misconfigured:
            raise Invalid from None
        where = f"{network} {instance}".strip()
        audit.note(site.db, site.clock, f"desk: pause {where} for {hours:g} h")
        return _back(request, _PAUSED if hours else _ENDED)

    @inside.post("/again")
    def again(request: Request) -> Response:
        audit.note(site.db, site.clock, "desk: try again")
        service.again(site)
        return _back(request, _AGAIN)

    outside = APIRouter()

    @outside.get("/")
    def enter(request: Request, key: str = "") -> Response:
        response = RedirectResponse("/desk", status_code=303)
        cookies.put(request, response, _COOKIE, key, max_age_seconds=None)
        return response

    outside.include_router(inside)
    return outside


def _back(request: Request, said: str) -> Response:
    response = RedirectResponse("/desk", status_code=303)
    cookies.flash(request, response, "done", said)
    return response
