"""Plans, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import AwareDatetime, BaseModel

from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, TheSite
from openportability.db.engine import Tx
from openportability.domain import Deed, NetworkName, Pace, Proof, UserId
from openportability.errors import Invalid
from openportability.matching.seen import Filter
from openportability.matching.service import Selection
from openportability.reconnection import avoiding, planning, reach, shown
from openportability.reconnection.avoiding import Offer
from openportability.reconnection.plan import Forecast
from openportability.reconnection.planning import Planned
from openportability.site import Site
from openportability.web import paging
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


def _selection(tx: Tx, site: Site, user: UserId, wanted: PlanIn) -> Selection:
    if wanted.scope == "all":
        return Selection()
    if wanted.match_ids is None and wanted.filter is None:
        raise Invalid(field="match_ids")
    if wanted.match_ids is not None:
        key = accounts.personal_key(tx, site.vault, user)
        return Selection(users=frozenset(shown.read_match(key, one) for one in wanted.match_ids))
    return Selection(filter=(wanted.filter or FilterIn()).filter())


def _plan_out(site: Site, planned: Planned, offers: Sequence[Offer]) -> PlanOut:
    return PlanOut(
        plan_id=site.vault.show_id("plan", planned.id),
        counts_by_network_and_decision={
            network: {verdict.value: count for verdict, count in counted.items()}
            for network, counted in planned.counts.items()
        },
        forecast=[forecast_out(forecast) for forecast in planned.forecast],
        ceilings=dict(planned.ceilings.items()),
        not_there=dict(planned.absent.items()),
        left_out_aside=planned.left_out.aside,
        left_out_avoided=planned.left_out.avoided,
        blocks=_offered(offers, Deed.BLOCK),
        mutes=_offered(offers, Deed.MUTE),
        forecast_with_avoided=[
            forecast_out(forecast)
            for forecast in {offer.account.id: offer.forecast for offer in offers}.values()
            if forecast is not None
        ],
        forecast_with_copies=[forecast_out(forecast) for forecast in planned.with_copies],
    )


def _offered(offers: Sequence[Offer], deed: Deed) -> dict[str, int]:
    return {one.account.actor.network: one.count for one in offers if one.deed is deed}


def forecast_out(forecast: Forecast) -> ForecastOut:
    """Return a forecast as it is told."""
    return ForecastOut(
        network=forecast.network,
        calls=forecast.calls,
        finishes_at=forecast.finishes_at.isoformat(),
    )
