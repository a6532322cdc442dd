"""Everything about me, and leaving, for programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Response, UploadFile
from pydantic import BaseModel

from openportability.accounts.session import AMember, TheSite
from openportability.privacy import bringing, form, service
from openportability.web import i18n
from openportability.web.threads import waiting_for_others
from openportability.web.who import anybody

router = APIRouter(prefix="/api/v1", tags=["me"])


class BroughtOut(BaseModel):
    """How much was taken over; `left`: lists that this site cannot use."""

    lists: int
    follows: int
    choices: int
    left: int


@router.get("/export", response_class=Response)
def export(site: TheSite, asking: AMember) -> Response:
    """Return everything that is held about me, as a zip."""
    headers = {"Content-Disposition": 'attachment; filename="openportability.zip"'}
    return Response(service.export(site, asking.user), 200, headers, "application/zip")


@router.get("/export/schema")
@anybody
def export_schema() -> dict[str, object]:
    """Return the JSON Schema of what an export holds."""
    return form.schema()


@router.post("/imports/openportability", status_code=201)
def bring(
    site: TheSite,
    asking: AMember,
    file: Annotated[UploadFile, File(description="The zip of an export, or the JSON in it.")],
    choices: Annotated[bool, Form(description="Take over my choices as well.")] = False,
) -> BroughtOut:
    """Take over what I exported from another site."""
    document = form.read(file.file.read(form.MOST_BYTES + 1))
    locale = i18n.speaking().code
    done = bringing.bring(site, asking.user, document, choices=choices, locale=locale)
    return BroughtOut(lists=done.lists, follows=done.follows, choices=done.choices, left=done.left)


@router.delete("/me", status_code=204)
@waiting_for_others
def leave(site: TheSite, asking: AMember) -> None:
    """Delete everything about me at once, and give back what I allowed at the networks."""
    service.leave(site, asking.user)
