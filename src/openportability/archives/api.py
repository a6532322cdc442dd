"""Archives, for programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, File, Form, Query, UploadFile
from pydantic import BaseModel

from openportability.accounts.session import AMember, TheSite
from openportability.archives import service, wire
from openportability.archives.gather import Upload
from openportability.archives.report import Report
from openportability.domain import Kind, Proof
from openportability.web import bodies

router = APIRouter(prefix="/api/v1", tags=["archives"])

#: The other body that the address takes, for the description of the API.
_ALSO_LISTS = {
    "requestBody": {
        "content": {
            wire.MEDIA_TYPE: {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "The lists alone: docs/reference/archive-wire.md.",
                }
            }
        }
    }
}


class ReadOut(BaseModel):
    """One file of a list."""

    file: str
    kind: Kind
    count: int
    duplicates: int
    skipped: int


class ListOut(BaseModel):
    """One list, against the one it replaced."""

    kind: Kind
    count: int
    added: int
    removed: int
    unchanged: int


class OwnerOut(BaseModel):
    """Whose lists these are. `matches`: the account was proved by signing in."""

    actor_id: str
    handle: str
    matches: bool
    proof: Proof


class NoticeOut(BaseModel):
    """Something to know, though the archive could be read."""

    code: str
    detail: dict[str, str | int]


class ReportOut(BaseModel):
    """What was read, and what is different now."""

    network: str
    generated_at: str | None
    read: list[ReadOut]
    lists: list[ListOut]
    owner: OwnerOut
    added: int
    removed: int
    warnings: list[NoticeOut]
    ignored: int


class ArchiveOut(BaseModel):
    """An archive that was taken."""

    archive_id: str
    report: ReportOut


def upload_lists(
    site: TheSite,
    asking: AMember,
    body: Annotated[bytes, Body(media_type=wire.MEDIA_TYPE)],
    network: Annotated[str | None, Query(description="Whose archive it is.")] = None,
) -> ArchiveOut:
    """Replace my lists by those that a browser has read of an archive."""
    number, report = service.accept_lists(site, asking.user, body, network=network)
    return ArchiveOut(archive_id=number, report=_out(report))


router.add_api_route(
    "/archives",
    upload_lists,
    methods=["POST"],
    status_code=201,
    route_class_override=bodies.taking(wire.MEDIA_TYPE),
    include_in_schema=False,
)


@router.post("/archives", status_code=201, openapi_extra=_ALSO_LISTS)
def upload(
    site: TheSite,
    asking: AMember,
    file: Annotated[list[UploadFile], File(description="The zip, or its list files.")],
    also: Annotated[list[Kind], Form(description="Also read: blocked, muted.")] = [],  # noqa: B006 - a default of the form, never changed
    network: Annotated[str | None, Form(description="Whose archive it is.")] = None,
) -> ArchiveOut:
    """Read an archive and replace my lists by those in it."""
    files = [Upload(name=each.filename or "", file=each.file) for each in file]
    number, report = service.accept(site, asking.user, files, also=frozenset(also), network=network)
    return ArchiveOut(archive_id=number, report=_out(report))


def _out(report: Report) -> ReportOut:
    made = report.generated_at
    return ReportOut(
        network=report.network,
        generated_at=made.isoformat() if made else None,
        read=[ReadOut(**vars(each)) for each in report.read],
        lists=[ListOut(**vars(each)) for each in report.lists],
        owner=OwnerOut(
            actor_id=report.actor_id,
            handle=report.handle,
            matches=report.proof is Proof.PROVED,
            proof=report.proof,
        ),
        added=report.added,
        removed=report.removed,
        warnings=[NoticeOut(code=each.code, detail=dict(each.detail)) for each in report.warnings],
        ignored=report.ignored,
    )
