"""The first page: for visitors what this is, for members where they are on their way."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request, Response

from openportability.accounts import grant_store
from openportability.accounts import store as accounts
from openportability.accounts.session import AVisitor, Member, TheSite
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.db.engine import Tx
from openportability.domain import Account
from openportability.graph import store as lists
from openportability.home import steps
from openportability.matching import service as matching
from openportability.reconnection import service as reconnection
from openportability.reconnection.rules import LaneState, State
from openportability.reconnection.service import Progress
from openportability.site import Site
from openportability.web import i18n, render
from openportability.web.routing import Router

router = Router(include_in_schema=False)


@router.get("/")
def home(request: Request, site: TheSite, asking: AVisitor) -> Response:
    if asking is None:
        return render.page(request, "home/landing.html")
    with site.db.read() as tx:
        linked = accounts.accounts_of(tx, asking.user)
        state = _state(tx, site, asking, linked)
    return render.page(
        request,
        "home/member.html",
        steps=steps.journey(state),
        figures=[
            {"label": i18n.gettext("people found"), "value": state.matches},
            {"label": i18n.gettext("follows in place"), "value": state.done},
            {"label": i18n.gettext("follows on their way"), "value": state.waiting},
        ]
        if state.matches or state.done
        else [],
        news=steps.news(state),
        ways=_ways_to_tell(site, linked),
    )


def _ways_to_tell(site: Site, linked: Sequence[Account]) -> list[dict[str, object]]:
    """Return for each linked account the page of its network where a text of ours waits to be posted."""
    text = i18n.gettext(
        "I am finding the people I followed again, wherever they live now. "
        "Come too, so that we find each other: %(address)s",
        address=site.settings.base_url,
    )
    found = ((site.networks.get(one.actor.network), one.actor) for one in linked)
    return [
        {"network": network, "handle": actor.handle, "href": network.compose_url(actor, text)}
        for network, actor in found
        if network is not None and network.compose_url is not None
    ]


def _state(tx: Tx, site: Site, asking: Member, linked: Sequence[Account]) -> steps.State:
    held = lists.lists_of(tx, asking.user)
    looked_at = asking.chosen.looked_at
    found = matching.counted(tx, site, asking.user, looked_at)
    lines = reconnection.progress(tx, site, asking.user)
    may_follow = grant_store.may_follow(tx, asking.user)
    reworded = consent.reworded(tx, asking.user)
    waits = [line for line in lines if line.state == LaneState.SIGNED_OUT]
    return steps.State(
        accounts=len(linked),
        can_follow=any(
            (network := site.networks.get(account.actor.network)) and network.destination
            for account in linked
        ),
        may_follow=bool(may_follow),
        lists=len(held),
        matches=found.people,
        done=sum(line.total("done") for line in lines),
        waiting=sum(line.counts.get(State.READY, 0) + line.total("pending") for line in lines),
        taken_back=_is_taken_back(lines),
        proposed=len({one.user for line in lines for one in line.asked}),
        arrived=found.arrived,
        looked_at=looked_at,
        now=site.clock.now(),
        signed_out=any(not _needs_permission(line) for line in waits),
        to_allow=any(_needs_permission(line) for line in waits),
        reworded=bool(reworded),
        standing=asking.chosen.standing,
        chosen=Choice.STANDING not in consent.unasked(tx, asking.user),
    )


def _needs_permission(line: Progress) -> bool:
    """Say whether a lane waits for a right that was not given, and not for a sign-in that has ended."""
    return line.reason is None or line.reason.endswith(".scope_missing")


def _is_taken_back(lines: Sequence[Progress]) -> bool:
    """Say whether follows of ours were undone, and no other is made or on its way."""
    there = {state for line in lines for state, count in line.counts.items() if count}
    ours = {State.FOLLOWED, State.REQUESTED, State.READY, State.HANDED}
    return bool(there & {State.UNDOING, State.UNDONE}) and not there & ours
