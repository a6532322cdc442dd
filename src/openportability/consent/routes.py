"""The welcome page, where the first choices are made, and the settings, where they are changed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from openportability.accounts import store as accounts
from openportability.accounts import twin_store
from openportability.accounts.session import AMember, Member, TheSite
from openportability.consent import service
from openportability.consent.rules import Choice
from openportability.domain import Pace
from openportability.web import cookies, i18n, render
from openportability.web.routing import Router

router = Router(include_in_schema=False)


@router.get("/welcome")
def welcome(request: Request, site: TheSite, asking: AMember) -> Response:
    with site.db.read() as tx:
        unasked = service.unasked(tx, asking.user)
    return _page(request, asking, "consent/welcome.html", unasked)


@router.get("/settings")
def settings(request: Request, site: TheSite, asking: AMember) -> Response:
    with site.db.read() as tx:
        unasked = service.unasked(tx, asking.user)
        copies = twin_store.of_users(tx, [asking.user])
    known = [(site.networks.get(one.actor.network), one.actor) for one in copies]
    return _page(
        request,
        asking,
        "consent/settings.html",
        unasked,
        bridges=any(network.twin for network in site.networks.values()),
        copies=[(network, actor) for network, actor in known if network is not None],
    )


@router.post("/settings")
def choose(
    request: Request,
    site: TheSite,
    asking: AMember,
    found: Annotated[str, Form()] = "",
    standing: Annotated[str, Form()] = "",
    bridged: Annotated[str, Form()] = "",
    pace: Annotated[Pace | None, Form()] = None,
    next: Annotated[str, Form()] = "/settings",
) -> Response:
    """Note what was answered; what was left unanswered stays as it was."""
    said = {Choice.FOUND: found, Choice.STANDING: standing, Choice.BRIDGED: bridged}
    with site.db.write() as tx:
        for choice, value in said.items():
            if value:
                locale = i18n.speaking().code
                service.choose(tx, site, asking.user, choice, value, locale=locale, how="page")
        if pace is not None:
            accounts.choose(tx, asking.user, pace=pace)
    response = RedirectResponse("/archive" if next == "/archive" else "/settings", 303)
    cookies.flash(request, response, "done", i18n.gettext("Your choices are saved."))
    return response


def _page(
    request: Request, asking: Member, template: str, unasked: list[Choice], **values: Any
) -> Response:
    return render.page(request, template, chosen=asking.chosen, unasked=unasked, **values)
