"""The page on which a person leaves."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from openportability.accounts.session import COOKIE, AMember, TheSite
from openportability.privacy import service
from openportability.web import cookies, i18n, render
from openportability.web.threads import waiting_for_others

router = APIRouter(include_in_schema=False)


@router.get("/leave")
def explain(request: Request, _asking: AMember) -> Response:
    return render.page(request, "privacy/leave.html")


@router.post("/leave")
@waiting_for_others
def leave(request: Request, site: TheSite, asking: AMember) -> Response:
    service.leave(site, asking.user)
    response = RedirectResponse("/", 303)
    cookies.drop(request, response, COOKIE)
    text = i18n.gettext("You have left. Everything we held about you is deleted.")
    cookies.flash(request, response, "done", text)
    return response
