"""Matches for programs."""

from __future__ import annotations

from pydantic import BaseModel

from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, TheSite
from openportability.circle import view
from openportability.circle.view import Show, Shown
from openportability.domain import NetworkName
from openportability.matching import service as matching
from openportability.matching.seen import Filter
from openportability.reconnection import shown, standing
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
    """Some matches, mutuals first."""

    items: list[MatchOut]
    next_cursor: str | None
    totals: dict[str, int]


class ChosenIn(BaseModel):
    """Matches by id."""

    match_ids: list[str]


@router.get("/matches")
def matches(
    site: TheSite,
    asking: AMember,
    network: str | None = None,
    state: Show = Show.ALL,
    q: str = "",
    mutual: bool = False,
    limit: int = 100,
    cursor: str | None = None,
) -> PageOut:
    """List matches: all, or those that are new, pending, done or dismissed."""
    limit = max(1, min(limit, 1000))
    listing = f"matches:{asking.user}:{network}:{state}:{q}:{mutual}"
    by = Filter(
        text=q,
        network=NetworkName(network) if network else None,
        mutual_only=mutual,
        dismissed=state is Show.DISMISSED,
    )
    after = view.position(site.vault, listing, cursor)
    with site.db.read() as tx:
        page = view.page(tx, site, asking.user, by, state, after=after, limit=limit)
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
        key = accounts.personal_key(tx, site.vault, asking.user)
        others = {shown.read_match(key, one) for one in chosen.match_ids}
        if dismissed:
            return standing.put_aside(tx, site, asking.user, others)
        return matching.set_dismissed(tx, site, asking.user, others, dismissed=False)


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
