"""Archives, for programs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Annotated

from fastapi import File, Form, Query, UploadFile
from pydantic import BaseModel

from openportability.accounts import service as accounts
from openportability.accounts.session import AMember, TheSite
from openportability.archives import importing, service, store, wire
from openportability.archives.fetch import Fetch, FetchState
from openportability.archives.gather import Upload
from openportability.archives.report import Report, Way
from openportability.domain import AccountId, Kind, NetworkName, Proof, UserId
from openportability.site import Site
from openportability.web import bodies
from openportability.web.incoming import Spooled
from openportability.web.routing import Router
from openportability.web.threads import reading_lists

router = Router(prefix="/api/v1", tags=["archives"])

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
    first: bool


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
    way: Way
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


class FetchOut(BaseModel):
    """Lists being read from a linked account. `archive_id`: the report, once it is done."""

    account: str
    state: FetchState
    reason: str | None
    count: int
    next_at: datetime | None
    archive_id: str | None


class FetchesOut(BaseModel):
    """All readings of my accounts on one network."""

    items: list[FetchOut]


@reading_lists
def upload_lists(
    site: TheSite,
    asking: AMember,
    body: Spooled,
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
@reading_lists
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


@reading_lists
def import_files(
    site: TheSite,
    asking: AMember,
    network: str,
    file: Annotated[list[UploadFile], File(description="Files that the network exported.")],
    also: Annotated[list[Kind], Form(description="Also read: blocked, muted.")] = [],  # noqa: B006 - a default of the form, never changed
    account: Annotated[str, Form(description="Whose, where I have linked several.")] = "",
) -> ArchiveOut:
    """Replace the lists of a linked account by those in files that its network exported."""
    number, report = importing.accept_files(
        site,
        asking.user,
        network,
        [Upload(name=each.filename or "", file=each.file) for each in file],
        also=frozenset(also),
        account=_account(site, account),
    )
    return ArchiveOut(archive_id=number, report=_out(report))


router.add_api_route(
    "/imports/{network}",
    import_files,
    methods=["POST"],
    status_code=201,
    route_class_override=bodies.taking("multipart/form-data"),
    include_in_schema=False,
)


@router.post("/imports/{network}", status_code=202)
def import_lists(
    site: TheSite,
    asking: AMember,
    network: str,
    also: Annotated[list[Kind], Query(description="Also read: blocked, muted.")] = [],  # noqa: B006 - a default of the query, never changed
    account: Annotated[str, Query(description="Whose, where I have linked several.")] = "",
) -> FetchOut:
    """Read the lists of a linked account there; or, with a multipart `file`, exported ones."""
    chosen = _account(site, account)
    begun = importing.begin(site, asking.user, network, also=frozenset(also), account=chosen)
    return _fetch_out(site, begun)


@router.get("/imports/{network}")
def imports(site: TheSite, asking: AMember, network: str) -> FetchesOut:
    """Say how far the reading of my lists there has come."""
    with site.db.read() as tx:
        there = [one.id for one in service.accounts_on(tx, asking.user, NetworkName(network))]
    return FetchesOut(items=_fetches_out(site, asking.user, there))


def _fetches_out(site: Site, user: UserId, there: Collection[AccountId]) -> list[FetchOut]:
    with site.db.read() as tx:
        readings = store.fetches_of(tx, user)
    return [_fetch_out(site, readings[one]) for one in there if one in readings]


def _fetch_out(site: Site, fetch: Fetch) -> FetchOut:
    return FetchOut(
        account=site.vault.show_id("account", fetch.account),
        state=fetch.state,
        reason=fetch.reason,
        count=fetch.count,
        next_at=fetch.next_at,
        archive_id=None if fetch.report is None else service.shown_id(site, fetch.report),
    )


def _account(site: Site, shown: str) -> AccountId | None:
    return accounts.account_id(site, shown) if shown else None


def _out(report: Report) -> ReportOut:
    made = report.generated_at
    return ReportOut(
        network=report.network,
        way=report.way,
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
