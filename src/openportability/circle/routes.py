"""Who is here of the people one followed: the page of matches, and what an archive brought."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, TheSite
from openportability.archives import service as archives
from openportability.circle import view
from openportability.circle.view import Show
from openportability.db.engine import Tx
from openportability.domain import NetworkName, UserId
from openportability.errors import Invalid
from openportability.matching import service as matching
from openportability.matching.seen import Filter
from openportability.reconnection import shown, standing
from openportability.site import Site
from openportability.web import cookies, i18n, paging, problems, render, sse
from openportability.web.routing import Router
from openportability.web.threads import at_once

router = Router(include_in_schema=False)

_ROWS = 50
#: Most people chosen by hand over several pages: what is carried, a page of more ticks and the view are fields of one
#: form, and of more than 1,000 fields the framework reads none (`starlette.requests.Request.form`).
MOST_CHOSEN = 900


@dataclass(frozen=True, kw_only=True)
class _View:
    """What of the matches a page shows."""

    q: str = ""
    network: str = ""
    mutual: bool = False
    show: Show = Show.NEW
    #: Where the page begins, as a cursor.
    after: str = ""

    @property
    def by(self) -> Filter:
        """The filter of it."""
        return Filter(
            text=self.q,
            network=NetworkName(self.network) if self.network else None,
            mutual_only=self.mutual,
            dismissed=self.show is Show.DISMISSED,
        )

    def at(self, after: str) -> _View:
        """Return the same view from elsewhere on."""
        return replace(self, after=after)

    def listing(self, user: UserId) -> str:
        """Return what cursors of it are bound to."""
        return f"matches-page:{user}:{self.network}:{self.show}:{self.q}:{self.mutual}"

    def address(self) -> str:
        """Return where it is."""
        mutual = "true" if self.mutual else ""
        asked = {"show": self.show, "q": self.q, "network": self.network, "mutual": mutual}
        asked["after"] = self.after
        return f"/matches?{urlencode({name: value for name, value in asked.items() if value})}"


@at_once
def _asked(
    q: str = "",
    network: str = "",
    mutual: bool = False,
    show: Show = Show.NEW,
    after: str = "",
) -> _View:
    return _View(q=q, network=network, mutual=mutual, show=show, after=after)


def _sent(
    q: Annotated[str, Form()] = "",
    network: Annotated[str, Form()] = "",
    mutual: Annotated[bool, Form()] = False,
    show: Annotated[Show, Form()] = Show.NEW,
    after: Annotated[str, Form()] = "",
) -> _View:
    return _View(q=q, network=network, mutual=mutual, show=show, after=after)


@router.get("/matches")
def matches(
    request: Request, site: TheSite, asking: AMember, asked: Annotated[_View, Depends(_asked)]
) -> Response:
    return _page(request, site, asking.user, asked, [])


@router.post("/matches")
def turn_page(
    request: Request,
    site: TheSite,
    asking: AMember,
    sent: Annotated[_View, Depends(_sent)],
    match_ids: Annotated[list[str] | None, Form()] = None,
    turn_to: Annotated[str, Form()] = "",
) -> Response:
    """Show another page of the matches; who was ticked before stays chosen, and stands in no address."""
    if not match_ids:
        return RedirectResponse(sent.at(turn_to).address(), 303)
    with site.db.read() as tx:
        _users(tx, site, asking.user, match_ids)
    return _page(request, site, asking.user, sent.at(turn_to), list(dict.fromkeys(match_ids)))


@router.post("/matches/dismiss")
def dismiss(
    request: Request,
    site: TheSite,
    asking: AMember,
    sent: Annotated[_View, Depends(_sent)],
    match_ids: Annotated[list[str] | None, Form()] = None,
    scope: Annotated[Literal["selection", "all"], Form()] = "selection",
    back: Annotated[bool, Form()] = False,
) -> Response:
    """Put matches aside, or take them back: the ticked ones, or all that are shown. One stays where they were."""
    with site.db.write() as tx:
        if scope == "all":
            others = view.narrowed(tx, site, asking.user, sent.by, sent.show)
        else:
            others = _users(tx, site, asking.user, match_ids or [])
        if back:
            count = matching.set_dismissed(tx, site, asking.user, others, dismissed=False)
        else:
            count = standing.put_aside(tx, site, asking.user, others)
    response = RedirectResponse(sent.address(), 303)
    if back:
        text = i18n.ngettext("%(count)s match is back.", "%(count)s matches are back.", count)
        way = None
    else:
        text = i18n.ngettext(
            "%(count)s match was set aside.", "%(count)s matches were set aside.", count
        )
        # One tick is found again by its tab, a whole search by itself.
        aside = replace(sent, show=Show.DISMISSED, after="")
        way = (aside.address(), i18n.gettext("See who is set aside")) if scope == "all" else None
    cookies.flash(request, response, "done", text % {"count": i18n.number(count)}, way=way)
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


def _page(request: Request, site: Site, user: UserId, asked: _View, chosen: list[str]) -> Response:
    listing = asked.listing(user)
    begin = view.position(site.vault, listing, asked.after)
    with site.db.read() as tx:
        page = view.page(tx, site, user, asked.by, asked.show, after=begin, limit=_ROWS)
    if asked.after and not page.items:
        # All that stood there was set aside.
        if not chosen:
            return RedirectResponse(asked.at("").address(), 303)
        return _page(request, site, user, asked.at(""), chosen)
    here = {one.id for one in page.items}
    held = chosen[:MOST_CHOSEN]
    return render.page(
        request,
        "circle/matches.html",
        page=page,
        by=asked.by,
        show=asked.show,
        after=asked.after,
        chosen=set(held),
        elsewhere=[one for one in held if one not in here],
        most=MOST_CHOSEN if len(chosen) > MOST_CHOSEN else None,
        here_href=asked.address(),
        next_page=page.after and paging.cursor(site.vault, listing, *page.after),
    )


def _users(tx: Tx, site: Site, user: UserId, match_ids: list[str]) -> set[UserId]:
    key = accounts.personal_key(tx, site.vault, user)
    return {shown.read_match(key, one) for one in match_ids}


def _found(site: Site, user: UserId) -> int:
    with site.db.read() as tx:
        return matching.counted(tx, site, user).people
