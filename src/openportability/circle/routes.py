"""Who is here of the people one followed: the page of matches, and what an archive brought."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, Member, TheSite
from openportability.archives import service as archives
from openportability.circle import view
from openportability.circle.view import Show
from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.db.trouble import Trouble, trouble
from openportability.domain import NetworkName, Proof, UserId
from openportability.errors import Invalid
from openportability.matching import service as matching
from openportability.matching.seen import LATEST, Filter, Order
from openportability.reconnection import planning, shown, standing
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
    proof: Proof | Literal[""] = ""
    #: Who arrived from this second on; None: whenever.
    since: int | None = None
    show: Show = Show.NEW
    order: Order = Order.MUTUALS
    #: Where the page begins, as a cursor.
    after: str = ""

    @property
    def by(self) -> Filter:
        """The filter of it."""
        return Filter(
            text=self.q,
            network=NetworkName(self.network) if self.network else None,
            mutual_only=self.mutual,
            proof=self.proof or None,
            since=None if self.since is None else moment(self.since * 1_000_000),
            dismissed=self.show is Show.DISMISSED,
        )

    def at(self, after: str) -> _View:
        """Return the same view from elsewhere on."""
        return replace(self, after=after)

    def listing(self, user: UserId) -> str:
        """Return what cursors of it are bound to."""
        return f"matches-page:{user}:{self.at('')}"

    def address(self) -> str:
        """Return where it is."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        usual = {field.name: field.default for field in fields(self)}
        asked = {name: value for name, value in told.items() if value != usual[name]}
        return f"/matches?{urlencode({'show': self.show} | asked)}"


@at_once
def _asked(
    q: str = "",
    network: str = "",
    mutual: bool = False,
    proof: Proof | Literal[""] = "",
    since: Annotated[int | None, Query(ge=0, le=LATEST)] = None,
    show: Show = Show.NEW,
    order: Order = Order.MUTUALS,
    after: str = "",
) -> _View:
    return _View(
        q=q,
        network=network,
        mutual=mutual,
        proof=proof,
        since=since,
        show=show,
        order=order,
        after=after,
    )


def _sent(
    q: Annotated[str, Form()] = "",
    network: Annotated[str, Form()] = "",
    mutual: Annotated[bool, Form()] = False,
    proof: Annotated[Proof | Literal[""], Form()] = "",
    since: Annotated[int | None, Form(ge=0, le=LATEST)] = None,
    show: Annotated[Show, Form()] = Show.NEW,
    order: Annotated[Order, Form()] = Order.MUTUALS,
    after: Annotated[str, Form()] = "",
) -> _View:
    return _View(
        q=q,
        network=network,
        mutual=mutual,
        proof=proof,
        since=since,
        show=show,
        order=order,
        after=after,
    )


@router.get("/matches")
def matches(
    request: Request, site: TheSite, asking: AMember, asked: Annotated[_View, Depends(_asked)]
) -> Response:
    return _page(request, site, asking, asked, [])


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
    return _page(request, site, asking, sent.at(turn_to), list(dict.fromkeys(match_ids)))


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
    with site.db.read() as tx:
        can_follow = bool(planning.followers(tx, site, asking.user))
    return render.page(
        request,
        "archives/report.html",
        report=told,
        can_follow=can_follow,
        network=site.networks.get(told.network),
        found=_found(site, asking.user),
        notices=[
            problems.words_of(Invalid(notice.code, **notice.detail), site.networks)
            for notice in told.warnings
        ],
    )


def _page(
    request: Request, site: Site, asking: Member, asked: _View, chosen: list[str]
) -> Response:
    listing = asked.listing(asking.user)
    begin = view.position(site.vault, listing, asked.after)
    with site.db.read() as tx:
        page = view.page(
            tx,
            site,
            asking.user,
            asked.by,
            asked.show,
            after=begin,
            limit=_ROWS,
            order=asked.order,
            looked_at=asking.chosen.looked_at,
        )
        can_follow = bool(planning.followers(tx, site, asking.user))
    _note_look(site, asking, news=page.news)
    if asked.after and not page.items:
        # All that stood there was set aside.
        if not chosen:
            return RedirectResponse(asked.at("").address(), 303)
        return _page(request, site, asking, asked.at(""), chosen)
    here = {one.id for one in page.items}
    held = chosen[:MOST_CHOSEN]
    return render.page(
        request,
        "circle/matches.html",
        page=page,
        asked=asked,
        by=asked.by,
        show=asked.show,
        after=asked.after,
        can_follow=can_follow,
        chosen=set(held),
        elsewhere=[one for one in held if one not in here],
        most=MOST_CHOSEN if len(chosen) > MOST_CHOSEN else None,
        here_href=asked.address(),
        next_page=page.after and paging.cursor(site.vault, listing, *page.after),
    )


def _note_look(site: Site, asking: Member, *, news: bool) -> None:
    """Note that a person looked: once a day, and whenever there was something to see."""
    now, last = site.clock.now(), asking.chosen.looked_at
    if last is not None and last.date() == now.date() and not news:
        return
    try:
        with site.db.write() as tx:
            accounts.choose(tx, asking.user, looked_at=micros(now))
    except Exception as error:
        # A full disk must keep nobody from what is theirs: they are told of the same people once more.
        if trouble(error) is not Trouble.NO_ROOM:
            raise


def _users(tx: Tx, site: Site, user: UserId, match_ids: list[str]) -> set[UserId]:
    key = accounts.personal_key(tx, site.vault, user)
    return {shown.read_match(key, one) for one in match_ids}


def _found(site: Site, user: UserId) -> int:
    with site.db.read() as tx:
        return matching.counted(tx, site, user).people
