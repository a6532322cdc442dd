"""The page that explains and takes an archive, and the one that says what was read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, TheSite
from openportability.archives import in_browser, service
from openportability.archives.gather import Upload
from openportability.archives.rules import Caps
from openportability.domain import Kind, Proof, UserId
from openportability.errors import Invalid, NotFound, OpenPortabilityError
from openportability.site import Site
from openportability.web import problems, render

router = APIRouter(include_in_schema=False)

_ALSO = frozenset({Kind.BLOCKED, Kind.MUTED})


@router.get("/archive")
def explain(request: Request, site: TheSite, asking: AMember) -> Response:
    return _form(request, site, asking.user, None)


@router.post("/archive")
def upload(
    request: Request,
    site: TheSite,
    asking: AMember,
    file: Annotated[list[UploadFile] | None, File()] = None,
    also: Annotated[str, Form()] = "",
    network: Annotated[str | None, Form()] = None,
) -> Response:
    # A form without a chosen file sends one without a name.
    files = [Upload(name=each.filename, file=each.file) for each in file or [] if each.filename]
    try:
        if not files:
            raise Invalid("archive.not_chosen")
        number, _ = service.accept(
            site,
            asking.user,
            files,
            also=_ALSO if also == "yes" else frozenset(),
            network=network or None,
        )
    except OpenPortabilityError as error:
        return _form(request, site, asking.user, error)
    return RedirectResponse(f"/archive/{number}", 303)


@router.get("/archive/{shown_id}")
def show(request: Request, site: TheSite, asking: AMember, shown_id: str) -> Response:
    report = service.report_of(site, asking.user, shown_id)
    return render.page(
        request,
        "archives/report.html",
        report=report,
        network=site.networks.get(report.network),
        notices=[
            problems.words_of(Invalid(notice.code, **notice.detail), site.networks)
            for notice in report.warnings
        ],
    )


def _form(
    request: Request, site: Site, user: UserId, error: OpenPortabilityError | None
) -> Response:
    sources = service.sources(site)
    if not sources:
        raise NotFound
    with site.db.read() as tx:
        mine = accounts.accounts_of(tx, user)
    proved = {account.actor.network for account in mine if account.proof is Proof.PROVED}
    return render.page(
        request,
        "archives/archive.html",
        status=200 if error is None else problems.status_of(error),
        sources=sources,
        # Where this user could still sign in to show that an archive is theirs.
        provable=[each for each in sources if each.sign_in and each.name not in proved],
        problem=problems.words_of(error, site.networks) if error else None,
        newest=service.newest_report(site, user),
        told=in_browser.told(sources, site.networks, mine, Caps()),
    )
