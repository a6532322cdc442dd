"""The page of matches: who is here of the people one followed."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, TheSite
from openportability.circle import view
from openportability.circle.view import Show
from openportability.domain import NetworkName
from openportability.matching import service as matching
from openportability.matching.seen import Filter
from openportability.reconnection import shown
from openportability.web import cookies, i18n, paging, render

router = APIRouter()

_ROWS = 50


@router.get("/matches")
def matches(
    request: Request,
    site: TheSite,
    asking: AMember,
    q: str = "",
    network: str = "",
    mutual: bool = False,
    show: Show = Show.NEW,
    after: str = "",
) -> Response:
    by = Filter(
        text=q,
        network=NetworkName(network) if network else None,
        mutual_only=mutual,
        dismissed=show is Show.DISMISSED,
    )
    listing = f"matches-page:{asking.user}:{network}:{show}:{q}:{mutual}"
    begin = view.position(site.vault, listing, after)
    with site.db.read() as tx:
        page = view.page(tx, site, asking.user, by, show, after=begin, limit=_ROWS)
    go_on = page.after and paging.cursor(site.vault, listing, *page.after)
    asked = {"q": q, "network": network, "mutual": "true" if mutual else "", "show": show}
    kept = urlencode({name: value for name, value in asked.items() if value})
    return render.page(
        request,
        "circle/matches.html",
        page=page,
        by=by,
        show=show,
        next_href=f"/matches?{kept}&after={go_on}" if go_on else None,
        first_href=f"/matches?{kept}" if after else None,
    )


@router.post("/matches/dismiss")
def dismiss(
    request: Request,
    site: TheSite,
    asking: AMember,
    match_ids: Annotated[list[str] | None, Form()] = None,
    back: Annotated[bool, Form()] = False,
) -> Response:
    """Put the ticked matches aside, or take them back."""
    with site.db.write() as tx:
        key = accounts.personal_key(tx, site.vault, asking.user)
        others = {shown.read_match(key, one) for one in match_ids or []}
        count = matching.set_dismissed(tx, site, asking.user, others, dismissed=not back)
    if back:
        text = i18n.ngettext("%(count)s match is back.", "%(count)s matches are back.", count)
    else:
        text = i18n.ngettext(
            "%(count)s match was set aside.", "%(count)s matches were set aside.", count
        )
    response = RedirectResponse("/matches", 303)
    cookies.flash(request, response, "done", text % {"count": i18n.number(count)})
    return response
