"""Plan, start, progress, and the person's hand on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from openportability.accounts import store as accounts
from openportability.accounts.session import AMember, Member, TheSite
from openportability.clock import moment
from openportability.domain import Deed, NetworkName, Pace, Proof, Standing
from openportability.errors import Conflict, Invalid, NotFound
from openportability.matching.seen import LATEST, Filter
from openportability.matching.service import Selection
from openportability.reconnection import (
    avoiding,
    handing,
    planning,
    reach,
    service,
    shown,
    standing,
)
from openportability.site import Site
from openportability.web import cookies, i18n, render, sse
from openportability.web.routing import Router
from openportability.web.threads import waiting_for_others

router = Router(include_in_schema=False)

#: Rows shown of a plan or of the ledger at once.
_ROWS = 50


@router.get("/reconnect")
def overview(request: Request, site: TheSite, asking: AMember) -> Response:
    with site.db.read() as tx:
        values = shown.progress(tx, site, asking.user)
        mine = planning.followers(tx, site, asking.user)
    automatic = asking.chosen.standing is Standing.AUTOMATIC
    return render.page(
        request, "reconnection/overview.html", mine=mine, automatic=automatic, **values
    )


@router.post("/reconnect/plan")
@waiting_for_others
def make_plan(
    site: TheSite,
    asking: AMember,
    scope: Annotated[str, Form()] = "all",
    match_ids: Annotated[list[str] | None, Form()] = None,
    q: Annotated[str, Form()] = "",
    network: Annotated[str, Form()] = "",
    mutual: Annotated[bool, Form()] = False,
    proof: Annotated[Proof | Literal[""], Form()] = "",
    since: Annotated[int | None, Form(ge=0, le=LATEST)] = None,
    networks: Annotated[list[str] | None, Form()] = None,
    pick: Annotated[bool, Form()] = False,
    pace: Annotated[Pace | None, Form()] = None,
) -> Response:
    """Make a plan for all, for the ticked matches, or for all that a filter shows.

    `pick` says that the form offered the networks: none ticked then means none, not all.
    """
    if pick and not networks:
        raise Invalid("plan.no_network")
    if pace is not None:
        with site.db.write() as tx:
            planning.set_pace(tx, asking.user, pace)
    with site.db.read() as tx:
        key = accounts.personal_key(tx, site.vault, asking.user)
        if not planning.followers(tx, site, asking.user):
            # That page says what is missing first.
            return RedirectResponse("/reconnect", 303)
    if scope == "selection":
        users = frozenset(shown.read_match(key, one) for one in match_ids or [])
        selection = Selection(users=users)
    else:
        by = Filter(
            text=q,
            network=NetworkName(network) if network else None,
            mutual_only=mutual,
            proof=proof or None,
            since=None if since is None else moment(since * 1_000_000),
        )
        selection = Selection(filter=by)
    wanted = frozenset(NetworkName(name) for name in networks) if networks else None
    planned = planning.make_plan(site, asking.user, selection, wanted)
    return RedirectResponse(_address(site, planned), 303)


@router.get("/reconnect/plans/{plan_id}")
def plan(
    request: Request, site: TheSite, asking: AMember, plan_id: str, after: int = 0
) -> Response:
    with site.db.read() as tx:
        planned = planning.plan(tx, site, asking.user, _plan_id(site, plan_id))
        some = planned.rows[after : after + _ROWS]
        whom = reach.shown(tx, site, asking.user, [row.place for row in some])
        moved = planning.successors(tx, site, asking.user, some)
        offers = () if planned.started else avoiding.offers(tx, site, asking.user, planned)
    more = after + _ROWS if after + _ROWS < len(planned.rows) else None
    return render.page(
        request,
        "reconnection/plan.html",
        plan=planned,
        plan_id=plan_id,
        offers=[(offer, *shown.accounts(site, [offer.account])) for offer in offers],
        rows=[(row, whom[row.place], moved.get(row)) for row in some if row.place in whom],
        to_allow=shown.accounts(site, planned.to_allow),
        titles=shown.titles(site),
        next_href=f"/reconnect/plans/{plan_id}?after={more}" if more else None,
        first_href=f"/reconnect/plans/{plan_id}" if after else None,
    )


@router.post("/reconnect/plans/{plan_id}/start")
@waiting_for_others
def start(
    request: Request,
    site: TheSite,
    asking: AMember,
    plan_id: str,
    by_file: Annotated[list[str] | None, Form()] = None,
    block: Annotated[list[NetworkName] | None, Form()] = None,
    mute: Annotated[list[NetworkName] | None, Form()] = None,
    bridged: Annotated[list[NetworkName] | None, Form()] = None,
) -> Response:
    """Start a plan; on the networks in `by_file` the person imports the follows themselves.

    On those in `block` and `mute` we first block, or mute, whom they blocked or muted before; on those in
    `bridged` we also follow the copies of people who are not there.
    """
    number = _plan_id(site, plan_id)
    files = [NetworkName(name) for name in by_file or []]
    left = {name: handing.room_on(site, asking.user, name) for name in files}
    try:
        with site.db.write() as tx:
            already = planning.followed(tx, site, asking.user, number)
            count = planning.start(tx, site, asking.user, number, bridged=bridged or ())
            first = {
                deed: avoiding.carry_over(tx, site, asking.user, deed, names or (), number)
                for deed, names in ((Deed.BLOCK, block), (Deed.MUTE, mute))
            }
            for name, room in left.items():
                handing.hand_over(tx, site, asking.user, name, room)
            waits = bool(planning.to_allow(tx, site, asking.user))
    except Conflict:
        planned = planning.make_again(site, asking.user, number)
        response = RedirectResponse(_address(site, planned), 303)
        text = i18n.gettext("Something has changed in the meantime. This is the new plan.")
        cookies.flash(request, response, "warn", text)
        return response
    return _done(request, shown.started(count, first, already, waits=waits))


@router.get("/reconnect/progress")
def progress(request: Request, site: TheSite, asking: AMember) -> Response:
    """Answer with how it goes, as a stream of the block that the page shows."""

    def look() -> str:
        with site.db.read() as tx:
            values = shown.progress(tx, site, asking.user)
        return render.block(request, "reconnection/overview.html", "progress", **values)

    return sse.stream(request, ("progress", asking.user, i18n.speaking().code), look)


@router.get("/reconnect/ledger")
def ledger(
    request: Request, site: TheSite, asking: AMember, group: str = "", after: str = ""
) -> Response:
    if group and group not in service.GROUPS:
        raise NotFound
    before = _row_id(site, after) if after else None
    with site.db.read() as tx:
        lines = service.page(tx, site, asking.user, group=group or None, before=before, limit=_ROWS)
    ids = {line.row.id: shown.row_id(site, line.row) for line in lines}
    next_href = None
    if len(lines) == _ROWS:
        next_href = shown.ledger_at(group, ids[lines[-1].row.id])
    return render.page(
        request,
        "reconnection/ledger.html",
        lines=lines,
        ids=ids,
        group=group,
        after=after,
        names={line.row.id: shown.name(line) for line in lines},
        words=shown.reason_words(site, lines),
        next_href=next_href,
    )


@router.post("/reconnect/pause")
def pause(site: TheSite, asking: AMember) -> Response:
    with site.db.write() as tx:
        service.pause(tx, asking.user)
    return RedirectResponse("/reconnect", 303)


@router.post("/reconnect/resume")
def resume(site: TheSite, asking: AMember) -> Response:
    with site.db.write() as tx:
        service.resume(tx, site, asking.user)
    return RedirectResponse("/reconnect", 303)


@router.post("/reconnect/stop")
def stop(request: Request, site: TheSite, asking: AMember) -> Response:
    with site.db.write() as tx:
        count = service.stop(tx, site, asking.user)
    text = i18n.ngettext(
        "%(count)s follow was cancelled.", "%(count)s follows were cancelled.", count
    )
    return _done(request, text % {"count": i18n.number(count)})


@dataclass(frozen=True, kw_only=True)
class _OneRow:
    """A row of the ledger, and the part of it that it was shown in."""

    id: int
    shown_at: str


def _one_row(
    site: TheSite,
    row: Annotated[str | None, Form()] = None,
    group: Annotated[str, Form()] = "",
    after: Annotated[str, Form()] = "",
) -> _OneRow | None:
    """Return the row that a form is about; None: all of them."""
    if row is None:
        return None
    return _OneRow(id=_row_id(site, row), shown_at=shown.ledger_at(group, after))


TheRow = Annotated[_OneRow | None, Depends(_one_row)]


@router.post("/reconnect/undo")
def undo(request: Request, site: TheSite, asking: AMember, row: TheRow) -> Response:
    """Take back one row, and stay where it was shown, or everything."""
    with site.db.write() as tx:
        count = service.undo(tx, site, asking.user, [row.id] if row else None)
        goes_on = standing.is_automatic(tx, asking.user)
    if row is not None:
        return _done_with(request, site, asking, row, i18n.gettext("%(name)s: we take it back."))
    text = i18n.ngettext(
        "%(count)s follow is being taken back.", "%(count)s follows are being taken back.", count
    ) % {"count": i18n.number(count)}
    if goes_on:
        more = i18n.gettext(
            "Who arrives later is still followed for you; Settings is where to end that."
        )
        text = f"{text} {more}"
    return _done(request, text)


@router.post("/reconnect/retry")
def retry(request: Request, site: TheSite, asking: AMember, row: TheRow) -> Response:
    """Try one row again, and stay where it was shown, or all that failed."""
    with site.db.write() as tx:
        service.retry(tx, site, asking.user, [row.id] if row else None)
    if row is not None:
        return _done_with(request, site, asking, row, i18n.gettext("%(name)s: we try again."))
    return _done(request, i18n.gettext("We try again."))


@router.post("/reconnect/accept")
def accept(
    request: Request, site: TheSite, asking: AMember, network: Annotated[str, Form()] = ""
) -> Response:
    """Follow whom the person is asked about: on one network, or on all."""
    with site.db.write() as tx:
        standing.accept_proposed(tx, site, asking.user, NetworkName(network) if network else None)
    return _done(request, i18n.gettext("They will be followed."))


@router.post("/reconnect/refuse")
def refuse(
    request: Request, site: TheSite, asking: AMember, network: Annotated[str, Form()] = ""
) -> Response:
    """Follow none of whom the person is asked about: on one network, or on all."""
    with site.db.write() as tx:
        count = standing.refuse_proposed(
            tx, site, asking.user, NetworkName(network) if network else None
        )
    text = i18n.ngettext(
        "%(count)s person is not followed, and you are not asked about them again. A plan can still include them.",
        "%(count)s people are not followed, and you are not asked about them again. A plan can still include them.",
        count,
    )
    return _done(request, text % {"count": i18n.number(count)})


@router.post("/reconnect/file")
@waiting_for_others
def hand_over(site: TheSite, asking: AMember, network: Annotated[str, Form()]) -> Response:
    """Put what was not sent yet into a file that the person imports themselves."""
    name = NetworkName(network)
    room = handing.room_on(site, asking.user, name)
    with site.db.write() as tx:
        handing.hand_over(tx, site, asking.user, name, room)
    return RedirectResponse("/reconnect", 303)


@router.get("/reconnect/file/{network}")
def file(site: TheSite, asking: AMember, network: str) -> Response:
    with site.db.read() as tx:
        made = handing.file(tx, site, asking.user, NetworkName(network))
    headers = {"Content-Disposition": f'attachment; filename="{made.name}"'}
    return Response(made.body, media_type="text/csv", headers=headers)


@router.post("/reconnect/file/back")
def take_back(
    request: Request, site: TheSite, asking: AMember, network: Annotated[str, Form()]
) -> Response:
    with site.db.write() as tx:
        handing.take_back(tx, site, asking.user, NetworkName(network))
    return _done(request, i18n.gettext("They will be followed."))


def _done(request: Request, text: str, goes_to: str = "/reconnect") -> Response:
    response = RedirectResponse(goes_to, 303)
    cookies.flash(request, response, "done", text)
    return response


def _address(site: Site, planned: planning.Planned) -> str:
    return f"/reconnect/plans/{site.vault.show_id('plan', planned.id)}"


def _plan_id(site: Site, shown_id: str) -> int:
    return shown.read_id(site, "plan", shown_id)


def _done_with(request: Request, site: Site, asking: Member, row: _OneRow, text: str) -> Response:
    with site.db.read() as tx:
        line = service.line(tx, site, asking.user, row.id)
    return _done(request, text % {"name": shown.name(line)}, row.shown_at)


def _row_id(site: Site, shown_id: str) -> int:
    return shown.read_id(site, "reconnection", shown_id)
