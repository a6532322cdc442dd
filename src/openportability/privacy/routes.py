"""The pages on which a person sees all we hold, takes it out, brings it in, or leaves."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from openportability.accounts.session import COOKIE, AMember, TheSite
from openportability.privacy import bringing, form, service, taking
from openportability.privacy.parts import Document
from openportability.web import cookies, i18n, render
from openportability.web.threads import waiting_for_others

router = APIRouter(include_in_schema=False)


@router.get("/my-data")
def my_data(request: Request, site: TheSite, asking: AMember) -> Response:
    with site.db.read() as tx:
        held = taking.document(tx, site, asking.user)
    return render.page(request, "privacy/my_data.html", held=held, states=_states(held))


@router.get("/my-data/export")
def export(site: TheSite, asking: AMember) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="openportability.zip"'}
    return Response(service.export(site, asking.user), 200, headers, "application/zip")


@router.post("/my-data/import")
def bring(
    request: Request,
    site: TheSite,
    asking: AMember,
    file: Annotated[UploadFile, File()],
    choices: Annotated[bool, Form()] = False,
) -> Response:
    document = form.read(file.file.read(form.MOST_BYTES + 1))
    locale = i18n.speaking().code
    done = bringing.bring(site, asking.user, document, choices=choices, locale=locale)
    response = RedirectResponse("/my-data", 303)
    text = i18n.gettext(
        "Taken over: %(lists)s lists, %(follows)s follows, %(choices)s choices. Not usable here: %(left)s lists.",
        lists=i18n.number(done.lists),
        follows=i18n.number(done.follows),
        choices=i18n.number(done.choices),
        left=i18n.number(done.left),
    )
    cookies.flash(request, response, "done", text)
    return response


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


def _states(held: Document) -> list[tuple[str, int]]:
    """Count the follows by what became of them."""
    return sorted(Counter(str(row.state) for row in held.ledger).items())
