"""The pages on which a person sees all we hold, takes it out, brings it in, or leaves."""

from __future__ import annotations

from typing import Annotated

from fastapi import File, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from openportability.accounts import unlisting
from openportability.accounts.session import COOKIE, AMember, AVisitor, TheSite
from openportability.privacy import bringing, form, service, taking
from openportability.privacy import receipt as receipts
from openportability.web import cookies, i18n, render
from openportability.web.house import house_of
from openportability.web.routing import Router
from openportability.web.threads import reading_lists, waiting_for_others
from openportability.web.who import anybody

router = Router(include_in_schema=False)


@router.get("/my-data")
def my_data(request: Request, site: TheSite, asking: AMember) -> Response:
    with site.db.read() as tx:
        held = taking.overview(tx, site, asking.user)
    unseen = site.settings.unseen_days
    return render.page(
        request, "privacy/my_data.html", held=held, titles=site.networks, unseen_days=unseen
    )


@router.get("/my-data/export")
def export(site: TheSite, asking: AMember) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="openportability.zip"'}
    return Response(service.export(site, asking.user), 200, headers, "application/zip")


@router.post("/my-data/import")
@reading_lists
def bring(
    request: Request,
    site: TheSite,
    asking: AMember,
    file: Annotated[UploadFile, File()],
    choices: Annotated[bool, Form()] = False,
) -> Response:
    locale = i18n.speaking().code
    body = file.file.read(form.MOST_BYTES + 1)
    done = bringing.bring(site, asking.user, body, choices=choices, locale=locale)
    response = RedirectResponse("/my-data", 303)
    text = i18n.gettext(
        "Taken over: %(lists)s lists, %(follows)s follows, %(choices)s choices. Not usable here: %(left)s lists.",
        lists=i18n.number(done.lists),
        follows=i18n.number(done.follows),
        choices=i18n.number(done.choices),
        left=i18n.number(done.left),
    )
    if done.unknown:
        unknown = i18n.number(done.unknown)
        text += " " + i18n.gettext(
            "Left out, as this site does not know it: %(unknown)s.", unknown=unknown
        )
    cookies.flash(request, response, "done", text)
    return response


@router.get("/leave")
def explain(request: Request, _asking: AMember) -> Response:
    return render.page(request, "privacy/leave.html")


@router.post("/leave")
@waiting_for_others
def leave(request: Request, site: TheSite, asking: AMember) -> Response:
    told = service.leave(site, asking.user)
    request.state.member = None
    response = render.page(request, "privacy/left.html", receipt=told)
    cookies.drop(request, response, COOKIE)
    return response


@router.get("/never-list-me")
@router.get("/never-list-me/lift")
def never_list_me(request: Request, site: TheSite, asking: AVisitor) -> Response:
    """Explain it, and let people prove which account they mean."""
    lift = request.scope["path"] == unlisting.LIFT
    return render.page(
        request,
        "privacy/never_list_me.html",
        member_here=asking is not None,
        lift=lift,
        offered=[network for network in site.networks.values() if network.sign_in],
        problem=None,
        tried=None,
        next=unlisting.LIFT if lift else unlisting.NEVER,
    )


@router.get("/receipt")
@anybody
def explain_receipt(request: Request) -> Response:
    return render.page(request, "privacy/receipt.html", told=None)


@router.post("/receipt")
@anybody
def check_receipt(request: Request, receipt: Annotated[str, Form()] = "") -> Response:
    """Say what a receipt says, if it is one of ours."""
    told = receipts.check(house_of(request).vault, receipt)
    return render.page(request, "privacy/receipt.html", told=told)
