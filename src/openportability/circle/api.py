"""Matches for programs."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel

from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, TheSite
from openportability.circle import view
from openportability.circle.view import Show, Shown
from openportability.db.engine import Tx
from openportability.domain import Proof, UserId
from openportability.errors import Invalid
from openportability.matching import service as matching
from openportability.matching.seen import Order
from openportability.reconnection import shown, standing
from openportability.reconnection.plan_api import FilterIn
from openportability.site import Site
from openportability.web import paging
from openportability.web.routing import Router

router = Router(prefix="/api/v1", tags=["matches"])


class EvidenceOut(BaseModel):
    """Why a match matches."""

    i_follow: bool
    they_list_me: bool
    mutual: bool
    proof: str


class SourceOut(BaseModel):
    """Where the two knew each other."""

    network: str
    actor_id: str
    handle: str


class AccountOut(BaseModel):
    """Where they live, and what became of the follow there."""

    network: str
    actor_id: str
    handle: str
    display_name: str
    state: str | None


class MatchOut(BaseModel):
    """Someone I followed, here too."""

    match_id: str
    source: SourceOut
    evidence: EvidenceOut
    accounts: list[AccountOut]


class PageOut(BaseModel):
    """Some matches, in the order asked for."""

    items: list[MatchOut]
    next_cursor: str | None
    totals: dict[str, int]


class ShownIn(FilterIn):
    """What the matches are narrowed to, as when they are listed; without a state: all that can be meant."""

    state: Show | None = None


class ChosenIn(BaseModel):
    """Matches by id, or all that a filter shows."""

    match_ids: list[str] | None = None
    filter: ShownIn | None = None


@router.get("/matches")
def matches(
    site: TheSite,
    asking: AMember,
    network: str | None = None,
    state: Show = Show.ALL,
    q: str = "",
    mutual: bool = False,
    proof: Proof | None = None,
    since: AwareDatetime | None = None,
    sort: Order = Order.MUTUALS,
    limit: int = 100,
    cursor: str | None = None,
) -> PageOut:
    """List matches: all, or those that are new, pending, done, ended or dismissed."""
    limit = max(1, min(limit, 1000))
    asked = FilterIn(q=q, network=network, mutual=mutual, proof=proof, since=since)
    by = asked.filter(dismissed=state is Show.DISMISSED)
    listing = f"matches:{asking.user}:{state}:{sort}:{by}"
    after = view.position(site.vault, listing, cursor)
    with site.db.read() as tx:
        page = view.page(tx, site, asking.user, by, state, after=after, limit=limit, order=sort)
    return PageOut(
        items=[_match_out(one) for one in page.items],
        next_cursor=page.after and paging.cursor(site.vault, listing, *page.after),
        totals={kind.value: count for kind, count in page.totals.items()},
    )


@router.post("/matches/dismiss")
def dismiss(site: TheSite, asking: AMember, chosen: ChosenIn) -> dict[str, int]:
    """Put matches aside."""
    return {"dismissed": _set_dismissed(site, asking, chosen, dismissed=True)}


@router.post("/matches/restore")
def restore(site: TheSite, asking: AMember, chosen: ChosenIn) -> dict[str, int]:
    """Take back matches that were put aside."""
    return {"restored": _set_dismissed(site, asking, chosen, dismissed=False)}


def _set_dismissed(site: TheSite, asking: AMember, chosen: ChosenIn, *, dismissed: bool) -> int:
    with site.db.write() as tx:
        others = _meant(tx, site, asking.user, chosen, Show.ALL if dismissed else Show.DISMISSED)
        if dismissed:
            return standing.put_aside(tx, site, asking.user, others)
        return matching.set_dismissed(tx, site, asking.user, others, dismissed=False)


def _meant(tx: Tx, site: Site, user: UserId, chosen: ChosenIn, usually: Show) -> set[UserId]:
    if chosen.match_ids is not None:
        key = accounts.personal_key(tx, site.vault, user)
        return {shown.read_match(key, one) for one in chosen.match_ids}
    if chosen.filter is None:
        raise Invalid(field="match_ids")
    show = chosen.filter.state or usually
    by = chosen.filter.filter(dismissed=show is Show.DISMISSED)
    return view.narrowed(tx, site, user, by, show)


def _match_out(one: Shown) -> MatchOut:
    source = one.match.sources[0].actor
    evidence = one.match.evidence
    return MatchOut(
        match_id=one.id,
        source=SourceOut(network=source.network, actor_id=source.id, handle=source.handle),
        evidence=EvidenceOut(
            i_follow=evidence.i_follow,
            they_list_me=evidence.they_list_me,
            mutual=evidence.mutual,
            proof=one.match.proof,
        ),
        accounts=[
            AccountOut(
                network=place.account.actor.network,
                actor_id=place.account.actor.id,
                handle=place.account.actor.handle,
                display_name=place.account.actor.name,
                state=place.state,
            )
            for place in one.places
        ],
    )
