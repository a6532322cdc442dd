"""The page about mail; and the two pages that links of mails lead to, which know nobody."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from openportability.accounts.session import AMember, TheSite
from openportability.mail import rules, service
from openportability.mail.rules import Mail
from openportability.web import cookies, i18n, rates, render
from openportability.web.routing import Router
from openportability.web.who import anybody

router = Router(include_in_schema=False)

_PAGE = "/settings/mail"


@router.get(_PAGE)
def show(request: Request, site: TheSite, asking: AMember) -> Response:
    with site.db.read() as tx:
        held = service.held(tx, site, asking.user)
    writes = service.writes(site.settings)
    return render.page(request, "mail/settings.html", held=held, writes=writes)


@router.post(_PAGE)
def give(
    request: Request,
    site: TheSite,
    asking: AMember,
    address: Annotated[str, Form()],
    arrivals: Annotated[bool, Form()] = False,
    sign_in: Annotated[bool, Form()] = False,
) -> Response:
    """Ask an address whether it is right. Nobody's is asked often, whoever types it."""
    wanted = _ticked(arrivals=arrivals, sign_in=sign_in)
    if not wanted:
        return _back(request, i18n.gettext("Tick what we may write about."), kind="warn")
    known: rates.Rates = request.app.state.rates
    to = f"to\0{rules.address(address).casefold()}"
    known.admit(rates.MAIL, to, rates.MAIL.account, "svc.too_many", site.clock.now())
    with site.db.write() as tx:
        service.give(tx, site, asking.user, address, wanted)
    return _back(request, i18n.gettext("A mail with a link is on its way to you."))


@router.post(f"{_PAGE}/choices")
def choose(
    request: Request,
    site: TheSite,
    asking: AMember,
    arrivals: Annotated[bool, Form()] = False,
    sign_in: Annotated[bool, Form()] = False,
) -> Response:
    wanted = _ticked(arrivals=arrivals, sign_in=sign_in)
    with site.db.write() as tx:
        service.choose(tx, site, asking.user, wanted, locale=i18n.speaking().code)
    return _back(request, i18n.gettext("Your choices are saved."))


@router.post(f"{_PAGE}/end")
def end(request: Request, site: TheSite, asking: AMember) -> Response:
    with site.db.write() as tx:
        service.end(tx, site, asking.user, locale=i18n.speaking().code, how="page")
    return _back(request, i18n.gettext("No mail any more: your address is erased."))


@router.get("/mail/confirm/{token}")
@router.get("/mail/stop/{token}")
@anybody
def ask(request: Request, token: str) -> Response:
    """Show a button. Programs that look at links before people do press none."""
    stops = request.scope["path"].startswith("/mail/stop/")
    return render.page(request, "mail/link.html", stops=stops, token=token, done=False)


@router.post("/mail/confirm/{token}")
@anybody
def confirm(request: Request, site: TheSite, token: str) -> Response:
    with site.db.write() as tx:
        service.confirm(tx, site, token, locale=i18n.speaking().code)
    return render.page(request, "mail/link.html", stops=False, token=token, done=True)


@router.post("/mail/stop/{token}")
@anybody
def stop(request: Request, site: TheSite, token: str) -> Response:
    """End all mail at once, for a person or for their mail program; it asks for no redirect (RFC 8058)."""
    with site.db.write() as tx:
        service.end_by_link(tx, site, token, locale=i18n.speaking().code)
    return render.page(request, "mail/link.html", stops=True, token=token, done=True)


def _ticked(*, arrivals: bool, sign_in: bool) -> list[Mail]:
    ticked = {Mail.ARRIVALS: arrivals, Mail.SIGN_IN: sign_in}
    return [kind for kind, said in ticked.items() if said]


def _back(request: Request, text: str, *, kind: Literal["done", "warn"] = "done") -> Response:
    response = RedirectResponse(_PAGE, 303)
    cookies.flash(request, response, kind, text)
    return response
