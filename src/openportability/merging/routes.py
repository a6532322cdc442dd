"""The page that says what moves when two users become one, and the two answers to it."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from openportability.accounts.session import AMember, TheSite, renew
from openportability.merging import service
from openportability.web import cookies, i18n, render
from openportability.web.routing import Router

router = Router(include_in_schema=False)


@router.get("/merge")
def explain(request: Request, site: TheSite, asking: AMember) -> Response:
    coming = service.look(site, asking.user, asking.session)
    titles = {network.name: network for network in site.networks.values()}
    return render.page(request, "merging/merge.html", coming=coming, titles=titles)


@router.post("/merge")
def merge(request: Request, site: TheSite, asking: AMember) -> Response:
    """Join the two. Rights grew, so this browser gets a fresh session."""
    service.merge(site, asking.user, asking.session)
    response = RedirectResponse("/accounts", 303)
    renew(request, response, site, asking.user, asking)
    cookies.flash(request, response, "done", i18n.gettext("All of it is in one place now."))
    return response


@router.post("/merge/cancel")
def cancel(request: Request, site: TheSite, asking: AMember) -> Response:
    service.cancel(site, asking.session)
    response = RedirectResponse("/accounts", 303)
    cookies.flash(request, response, "done", i18n.gettext("Nothing was changed."))
    return response
