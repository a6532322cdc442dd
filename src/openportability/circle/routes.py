"""Who is here of the people one followed: the page of matches, and what an archive brought."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, TheSite
from openportability.archives import service as archives
from openportability.circle import view
from openportability.circle.view import Show
from openportability.domain import NetworkName, UserId
from openportability.errors import Invalid
from openportability.matching import service as matching
from openportability.matching.seen import Filter
from openportability.reconnection import shown, standing
from openportability.site import Site
from openportability.web import cookies, i18n, paging, problems, render, sse
from openportability.web.routing import Router

router = Router(include_in_schema=False)

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
    kept = _view(q, network, show, mutual=mutual)
    if after and not page.items:
        return RedirectResponse(kept, 303)  # all that stood there was set aside
    return render.page(
        request,
        "circle/matches.html",
        page=page,
        by=by,
        show=show,
        after=after,
        next_href=f"{kept}&after={go_on}" if go_on else None,
        first_href=kept if after else None,
    )


@router.post("/matches/dismiss")
def dismiss(
    request: Request,
    site: TheSite,
    asking: AMember,
    match_ids: Annotated[list[str] | None, Form()] = None,
    back: Annotated[bool, Form()] = False,
    q: Annotated[str, Form()] = "",
    network: Annotated[str, Form()] = "",
    mutual: Annotated[bool, Form()] = False,
    show: Annotated[Show, Form()] = Show.NEW,
    after: Annotated[str, Form()] = "",
) -> Response:
    """Put the ticked matches aside and stay where they were shown, or take them back to the new ones."""
    with site.db.write() as tx:
        key = accounts.personal_key(tx, site.vault, asking.user)
        others = {shown.read_match(key, one) for one in match_ids or []}
        if back:
            count = matching.set_dismissed(tx, site, asking.user, others, dismissed=False)
        else:
            count = standing.put_aside(tx, site, asking.user, others)
    if back:
        text = i18n.ngettext("%(count)s match is back.", "%(count)s matches are back.", count)
        goes_to = "/matches"
    else:
        text = i18n.ngettext(
            "%(count)s match was set aside.", "%(count)s matches were set aside.", count
        )
        goes_to = _view(q, network, show, mutual=mutual)
        goes_to += f"&{urlencode({'after': after})}" if after else ""
    response = RedirectResponse(goes_to, 303)
    cookies.flash(request, response, "done", text % {"count": i18n.number(count)})
    return response


@router.get("/matches/found", include_in_schema=False)
def found(request: Request, site: TheSite, asking: AMember) -> Response:
    """Answer with how many were found, as a stream of what the report of an archive shows."""

    def look() -> str:
        return render.block(
            request, "archives/report.html", "found", found=_found(site, asking.user)
        )

    return sse.stream(request, ("found", asking.user, i18n.speaking().code), look)


@router.get("/archive/{shown_id}", include_in_schema=False)
def report(request: Request, site: TheSite, asking: AMember, shown_id: str) -> Response:
    """Say what was read of an archive, and whom it has found by now."""
    told = archives.report_of(site, asking.user, shown_id)
    return render.page(
        request,
        "archives/report.html",
        report=told,
        network=site.networks.get(told.network),
        found=_found(site, asking.user),
        notices=[
            problems.words_of(Invalid(notice.code, **notice.detail), site.networks)
            for notice in told.warnings
        ],
    )


def _view(q: str, network: str, show: Show, *, mutual: bool) -> str:
    """Return the address of a view of the matches, at its beginning."""
    asked = {"show": show, "q": q, "network": network, "mutual": "true" if mutual else ""}
    return f"/matches?{urlencode({name: value for name, value in asked.items() if value})}"


def _found(site: Site, user: UserId) -> int:
    with site.db.read() as tx:
        return matching.counted(tx, site, user).people
