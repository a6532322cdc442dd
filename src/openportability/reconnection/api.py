"""Plans, the ledger and the person's hand on it, for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from fastapi import Request, Response
from pydantic import AwareDatetime, BaseModel

from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, TheSite
from openportability.db.engine import Tx
from openportability.domain import Deed, NetworkName, Pace, Proof, UserId
from openportability.errors import Invalid, NotFound
from openportability.matching.seen import Filter
from openportability.matching.service import Selection
from openportability.reconnection import avoiding, handing, planning, reach, service, shown
from openportability.reconnection.avoiding import Offer
from openportability.reconnection.plan import Forecast
from openportability.reconnection.planning import Planned
from openportability.reconnection.rules import State
from openportability.site import Site
from openportability.web import paging, sse
from openportability.web.routing import Router
from openportability.web.threads import waiting_for_others

router = Router(prefix="/api/v1", tags=["reconnection"])


class FilterIn(BaseModel):
    """What the matches are narrowed to."""

    q: str = ""
    network: str | None = None
    mutual: bool = False
    #: Who proved who they are, or who only says so; who arrived then or later.
    proof: Proof | None = None
    since: AwareDatetime | None = None

    def filter(self, *, dismissed: bool = False) -> Filter:
        """Return it as the matches are asked for."""
        return Filter(
            text=self.q,
            network=NetworkName(self.network) if self.network else None,
            mutual_only=self.mutual,
            proof=self.proof,
            since=self.since,
            dismissed=dismissed,
        )


class PlanIn(BaseModel):
    """Whom to plan for, where, and how fast."""

    scope: Literal["all", "selection"]
    match_ids: list[str] | None = None
    filter: FilterIn | None = None
    networks: list[str] | None = None
    pace: Pace | None = None


class ForecastOut(BaseModel):
    """What one network will take."""

    network: str
    calls: int
    finishes_at: str


class PlanOut(BaseModel):
    """A dry run: nothing was sent."""

    plan_id: str
    counts_by_network_and_decision: dict[str, dict[str, int]]
    forecast: list[ForecastOut]
    #: How many more may be followed, where the plan has more than that.
    ceilings: dict[str, int]
    #: Who was selected and has no account there, by network.
    not_there: dict[str, int]
    #: Who was left out because the person put them aside, and because they blocked or muted them.
    left_out_aside: int
    left_out_avoided: int
    #: People whom the person blocked before, and may block there too: `blocks` of the start.
    blocks: dict[str, int]
    #: The same of whom they muted.
    mutes: dict[str, int]
    #: The forecast where there are such: they go first, and take of what the network allows.
    forecast_with_avoided: list[ForecastOut]
    #: The forecast where copies could be followed, with all of them: `bridged` of the start.
    forecast_with_copies: list[ForecastOut]


class StartIn(BaseModel):
    """What else is wanted of a plan."""

    #: Networks on which to block first whom the person blocked before. Public on some.
    blocks: list[NetworkName] = []
    #: Networks on which to mute first whom they muted. Public nowhere.
    mutes: list[NetworkName] = []
    #: Networks on which to follow the copies, too, that a bridge keeps of people who are not there: the decision
    #: `bridged` of the plan.
    bridged: list[NetworkName] = []


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


class RowOut(BaseModel):
    """A row of a plan."""

    network: str
    actor_id: str
    handle: str
    decision: str
    #: Actor id of who is followed in their place, where we know already that they have moved.
    moved_to: str | None


class PageOfRows(BaseModel):
    """Some rows of a plan."""

    items: list[RowOut]
    next_cursor: str | None


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


@router.post("/plans", status_code=201)
@waiting_for_others
def make_plan(site: TheSite, asking: AMember, wanted: PlanIn) -> PlanOut:
    """Decide what would happen to each match; nothing is sent."""
    if wanted.networks == []:
        raise Invalid("plan.no_network")
    if wanted.pace is not None:
        with site.db.write() as tx:
            planning.set_pace(tx, asking.user, wanted.pace)
    with site.db.read() as tx:
        selection = _selection(tx, site, asking.user, wanted)
    networks = frozenset(map(NetworkName, wanted.networks)) if wanted.networks else None
    planned = planning.make_plan(site, asking.user, selection, networks)
    with site.db.read() as tx:
        return _plan_out(site, planned, avoiding.offers(tx, site, asking.user, planned))


@router.get("/plans/{plan_id}/rows")
def plan_rows(
    site: TheSite, asking: AMember, plan_id: str, limit: int = 100, cursor: str | None = None
) -> PageOfRows:
    """List the decisions of a plan."""
    limit = max(1, min(limit, 1000))
    listing = f"plan:{asking.user}:{plan_id}"
    position = paging.position(site.vault, listing, cursor)
    begin = int(position[0]) if position else 0
    with site.db.read() as tx:
        planned = planning.plan(tx, site, asking.user, shown.read_id(site, "plan", plan_id))
        some = planned.rows[begin : begin + limit]
        whom = reach.shown(tx, site, asking.user, [row.place for row in some])
        moved = planning.successors(tx, site, asking.user, some)
    more = begin + limit < len(planned.rows)
    return PageOfRows(
        items=[
            RowOut(
                network=row.network,
                actor_id=whom[row.place].actor.id,
                handle=whom[row.place].actor.handle,
                decision=row.verdict,
                moved_to=moved[row].id if row in moved else None,
            )
            for row in some
            if row.place in whom
        ],
        next_cursor=paging.cursor(site.vault, listing, begin + limit) if more else None,
    )


@router.post("/plans/{plan_id}/start", status_code=202)
def start(
    site: TheSite, asking: AMember, plan_id: str, also: StartIn | None = None
) -> dict[str, int]:
    """Let the follows of a plan be made, in the background; before them blocks and mutes, if so wished."""
    number = shown.read_id(site, "plan", plan_id)
    also = also or StartIn()
    with site.db.write() as tx:
        return {
            "followed_already": planning.followed(tx, site, asking.user, number),
            "wanted": planning.start(tx, site, asking.user, number, bridged=also.bridged),
            "blocks": avoiding.carry_over(tx, site, asking.user, Deed.BLOCK, also.blocks, number),
            "mutes": avoiding.carry_over(tx, site, asking.user, Deed.MUTE, also.mutes, number),
        }


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


def _selection(tx: Tx, site: Site, user: UserId, wanted: PlanIn) -> Selection:
    if wanted.scope == "all":
        return Selection()
    if wanted.match_ids is None and wanted.filter is None:
        raise Invalid(field="match_ids")
    if wanted.match_ids is not None:
        key = accounts.personal_key(tx, site.vault, user)
        return Selection(users=frozenset(shown.read_match(key, one) for one in wanted.match_ids))
    return Selection(filter=(wanted.filter or FilterIn()).filter())


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
            forecast=_forecast_out(line.forecast) if line.forecast else None,
        )
        for line in service.progress(tx, site, user)
    ]


def _plan_out(site: Site, planned: Planned, offers: Sequence[Offer]) -> PlanOut:
    return PlanOut(
        plan_id=site.vault.show_id("plan", planned.id),
        counts_by_network_and_decision={
            network: {verdict.value: count for verdict, count in counted.items()}
            for network, counted in planned.counts.items()
        },
        forecast=[_forecast_out(forecast) for forecast in planned.forecast],
        ceilings=dict(planned.ceilings.items()),
        not_there=dict(planned.absent.items()),
        left_out_aside=planned.left_out.aside,
        left_out_avoided=planned.left_out.avoided,
        blocks=_offered(offers, Deed.BLOCK),
        mutes=_offered(offers, Deed.MUTE),
        forecast_with_avoided=[
            _forecast_out(forecast)
            for forecast in {offer.account.id: offer.forecast for offer in offers}.values()
            if forecast is not None
        ],
        forecast_with_copies=[_forecast_out(forecast) for forecast in planned.with_copies],
    )


def _offered(offers: Sequence[Offer], deed: Deed) -> dict[str, int]:
    return {one.account.actor.network: one.count for one in offers if one.deed is deed}


def _counts_out(counts: Mapping[State, int]) -> dict[str, int]:
    return {state.value: count for state, count in counts.items()}


def _forecast_out(forecast: Forecast) -> ForecastOut:
    return ForecastOut(
        network=forecast.network,
        calls=forecast.calls,
        finishes_at=forecast.finishes_at.isoformat(),
    )
