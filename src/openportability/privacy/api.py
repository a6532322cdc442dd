"""Everything about me, and leaving, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import File, Form, Response, UploadFile
from pydantic import BaseModel

from openportability.accounts.session import APresentMember, TheSite
from openportability.privacy import bringing, form, receipt, service
from openportability.web import i18n
from openportability.web.routing import Router
from openportability.web.threads import waiting_for_others
from openportability.web.who import anybody

router = Router(prefix="/api/v1", tags=["me"])


class BroughtOut(BaseModel):
    """How much was taken over; `left`: lists that this site cannot use; `unknown`: entries in words of a newer site."""

    lists: int
    follows: int
    choices: int
    left: int
    unknown: int


class LeftOut(BaseModel):
    """The receipt of who left: `body.signature`, both base64url."""

    receipt: str


class ReceiptOut(BaseModel):
    """What a receipt says: when, and how many rows of which tables went."""

    site: str
    at: str
    deleted: dict[str, int]


class KeyOut(BaseModel):
    """A public key, as hexadecimal digits."""

    algorithm: str
    public_key: str


@router.get("/export", response_class=Response)
def export(site: TheSite, asking: APresentMember) -> Response:
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
    asking: APresentMember,
    file: Annotated[UploadFile, File(description="The zip of an export, or the JSON in it.")],
    choices: Annotated[bool, Form(description="Take over my choices as well.")] = False,
) -> BroughtOut:
    """Take over what I exported from another site."""
    locale = i18n.speaking().code
    body = file.file.read(form.MOST_BYTES + 1)
    done = bringing.bring(site, asking.user, body, choices=choices, locale=locale)
    return BroughtOut(**asdict(done))


@router.delete("/me")
@waiting_for_others
def leave(site: TheSite, asking: APresentMember) -> LeftOut:
    """Delete everything about me at once, and give back what I allowed at the networks."""
    return LeftOut(receipt=service.leave(site, asking.user))


@router.post("/receipts/verify")
@anybody
def verify(site: TheSite, given: LeftOut) -> ReceiptOut:
    """Say what a receipt says, if it is one of ours."""
    told = receipt.check(site.vault, given.receipt)
    return ReceiptOut(site=told.site, at=told.at.isoformat(), deleted=dict(told.deleted))


@router.get("/receipts/key")
@anybody
def receipt_key(site: TheSite) -> KeyOut:
    """Return the key (Ed25519) that signs receipts, to check them without us."""
    return KeyOut(algorithm="Ed25519", public_key=site.vault.public_key().hex())
