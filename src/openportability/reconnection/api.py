"""The ledger and the person's hand on it, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from fastapi import Request, Response
from pydantic import BaseModel

from openportability.accounts.session import AMember, TheSite
from openportability.db.engine import Tx
from openportability.domain import Deed, NetworkName, UserId
from openportability.errors import NotFound
from openportability.reconnection import handing, service, shown
from openportability.reconnection.plan_api import ForecastOut, forecast_out
from openportability.reconnection.rules import State
from openportability.site import Site
from openportability.web import paging, sse
from openportability.web.routing import Router
from openportability.web.threads import waiting_for_others

router = Router(prefix="/api/v1", tags=["reconnection"])


class ProgressOut(BaseModel):
    """How one network goes."""

    network: str
    handle: str
    #: Follows, blocks and mutes, by what became of them.
    counts: dict[str, int]
    blocks: dict[str, int]
    mutes: dict[str, int]
    state: str
    paused_because: str | None
    next_at: str | None
    forecast: ForecastOut | None


class LedgerRowOut(BaseModel):
    """A wanted follow, block or mute, and what became of it."""

    id: str
    network: str
    deed: str
    actor_id: str | None
    handle: str | None
    #: Actor id of who is followed in their place, where they had moved when we came.
    moved_to: str | None
    state: str
    reason: str | None
    attempts: int
    origin: str
    at: str


class PageOfLedger(BaseModel):
    """Some rows of the ledger, newest first."""

    items: list[LedgerRowOut]
    next_cursor: str | None


class UndoIn(BaseModel):
    """What to take back."""

    scope: Literal["all", "rows"]
    ids: list[str] | None = None


@router.get("/reconnection")
def progress(site: TheSite, asking: AMember) -> list[ProgressOut]:
    """Say how each network goes."""
    with site.db.read() as tx:
        return _progress(tx, site, asking.user)


@router.get("/reconnection/ledger")
def ledger(
    site: TheSite,
    asking: AMember,
    state: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> PageOfLedger:
    """List wanted follows: all, or those that are done, waiting, pending, failed, proposed, undone."""
    if state is not None and state not in service.GROUPS:
        raise NotFound
    limit = max(1, min(limit, 1000))
    listing = f"ledger:{asking.user}:{state}"
    position = paging.position(site.vault, listing, cursor)
    before = int(position[0]) if position else None
    with site.db.read() as tx:
        lines = service.page(tx, site, asking.user, group=state, before=before, limit=limit)
    last = lines[-1].row.id if len(lines) == limit else None
    return PageOfLedger(
        items=[
            LedgerRowOut(
                id=shown.row_id(site, line.row),
                network=line.row.network,
                deed=line.row.deed,
                actor_id=line.whom.actor.id if line.whom else None,
                handle=line.whom.actor.handle if line.whom else None,
                moved_to=line.row.successor.id if line.told and line.row.successor else None,
                state=line.row.state,
                reason=line.row.reason,
                attempts=line.row.attempts,
                origin=line.row.origin,
                at=line.row.at.isoformat(),
            )
            for line in lines
        ],
        next_cursor=None if last is None else paging.cursor(site.vault, listing, last),
    )


@router.post("/reconnection/pause", status_code=202)
def pause(site: TheSite, asking: AMember) -> None:
    """Hold everything before its next call to a network."""
    with site.db.write() as tx:
        service.pause(tx, asking.user)


@router.post("/reconnection/resume", status_code=202)
def resume(site: TheSite, asking: AMember) -> None:
    """Go on."""
    with site.db.write() as tx:
        service.resume(tx, site, asking.user)


@router.post("/reconnection/undo", status_code=202)
def undo(site: TheSite, asking: AMember, wanted: UndoIn) -> dict[str, int]:
    """Take back what we made: all of it, or these rows."""
    rows = (
        None
        if wanted.scope == "all"
        else [shown.read_id(site, "reconnection", one) for one in wanted.ids or []]
    )
    with site.db.write() as tx:
        return {"undoing": service.undo(tx, site, asking.user, rows)}


@router.post("/reconnection/{network}/hand-over", status_code=202)
@waiting_for_others
def hand_over(site: TheSite, asking: AMember, network: str) -> dict[str, int]:
    """Put what was not sent yet into a file that the person imports; we do not follow it."""
    name = NetworkName(network)
    room = handing.room_on(site, asking.user, name)
    with site.db.write() as tx:
        return {"handed": handing.hand_over(tx, site, asking.user, name, room)}


@router.post("/reconnection/{network}/take-back", status_code=202)
def take_back(site: TheSite, asking: AMember, network: str) -> dict[str, int]:
    """Follow for the person what is in that file and did not arrive."""
    with site.db.write() as tx:
        return {"wanted": handing.take_back(tx, site, asking.user, NetworkName(network))}


@router.get("/reconnection/{network}.csv")
def file(site: TheSite, asking: AMember, network: str) -> Response:
    """Return who was handed over, as that network's import reads it."""
    with site.db.read() as tx:
        made = handing.file(tx, site, asking.user, NetworkName(network))
    return Response(made.body, media_type="text/csv")


@router.get("/reconnection/events")
def events(request: Request, site: TheSite, asking: AMember) -> Response:
    """Stream the counts whenever they change."""

    def look() -> str:
        with site.db.read() as tx:
            lines = _progress(tx, site, asking.user)
        return "[" + ",".join(line.model_dump_json() for line in lines) + "]"

    return sse.stream(request, ("events", asking.user), look)


def _progress(tx: Tx, site: Site, user: UserId) -> list[ProgressOut]:
    return [
        ProgressOut(
            network=line.account.actor.network,
            handle=line.account.actor.handle,
            counts=_counts_out(line.counts),
            blocks=_counts_out(line.avoided.get(Deed.BLOCK, {})),
            mutes=_counts_out(line.avoided.get(Deed.MUTE, {})),
            state=line.state,
            paused_because=line.reason,
            next_at=line.next_at.isoformat() if line.next_at else None,
            forecast=forecast_out(line.forecast) if line.forecast else None,
        )
        for line in service.progress(tx, site, user)
    ]


def _counts_out(counts: Mapping[State, int]) -> dict[str, int]:
    return {state.value: count for state, count in counts.items()}
