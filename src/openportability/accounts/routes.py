"""Signing in and out, and the page of one's accounts."""

from __future__ import annotations

import re
import secrets
from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from openportability.accounts import (
    grant_store,
    rules,
    service,
    session_store,
    shown,
    store,
    tokens,
    unlisting,
)
from openportability.accounts.rules import Meaning
from openportability.accounts.session import (
    COOKIE,
    AMember,
    AVisitor,
    Member,
    TheSite,
    renew,
)
from openportability.accounts.session_store import FLOW, Offer, SessionKind
from openportability.domain import Account, NetworkName, Purpose
from openportability.errors import NotAllowed, NotFound, OpenPortabilityError
from openportability.site import Site
from openportability.web import cookies, i18n, problems, render
from openportability.web.routing import Router
from openportability.web.threads import waiting_for_others

router = Router(include_in_schema=False)

#: Cookie with the secret that binds a sign-in to the browser that began it.
_BROWSER = "sign-in"
#: Where a person may be sent after signing in: only pages of ours.
_NEXT = re.compile(
    r"/|/(?:accounts|archive|leave|matches|my-data|never-list-me(?:/lift)?"
    r"|reconnect(?:/ledger|/plans/[a-z0-9]+)?|settings(?:/mail|/tokens)?|welcome)"
)


@router.get("/sign-in")
def sign_in_page(request: Request, site: TheSite, asking: AVisitor, next: str = "/") -> Response:
    if asking is not None:
        return RedirectResponse("/accounts", 303)
    return _choices(request, site, None, None, next_path=next)


@router.post("/auth/{network}/start")
@waiting_for_others
def start(
    request: Request,
    site: TheSite,
    asking: AVisitor,
    network: str,
    typed: Annotated[str, Form()] = "",
    purpose: Annotated[Purpose, Form()] = Purpose.IDENTIFY,
    account: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    browser = cookies.read(request, _BROWSER) or secrets.token_urlsafe(32)
    expected = _expected(site, asking, network, account) if account else None
    try:
        url = service.begin(
            site,
            NetworkName(network),
            typed=typed or (expected.actor.handle if expected else ""),
            purpose=purpose,
            browser=browser,
            user=asking.user if asking else None,
            expected=expected,
            next_path=_ours(next),
            language=i18n.speaking().code,
        )
    except OpenPortabilityError as error:
        problems.note(request, error)
        tried = shown.Tried(network=network, typed=typed, purpose=purpose, account=account)
        if asking is not None:
            return _accounts(request, site, asking, tried, error, next_path=next)
        return _choices(request, site, tried, error, next_path=next)
    response = RedirectResponse(url, 303)
    seconds = int(FLOW.total_seconds())
    cookies.put(request, response, _BROWSER, browser, max_age_seconds=seconds)
    return response


@router.get("/auth/{network}/callback")
@router.get("/auth/{network}/callback/{place}")
@waiting_for_others
def callback(request: Request, site: TheSite, asking: AVisitor, network: str) -> Response:
    # The path alone says the place: a query of that name would be anybody's.
    answer = {**request.query_params, "place": request.path_params.get("place", "")}
    browser = cookies.read(request, _BROWSER) or ""
    if unlisting.is_meant(site, answer.get("state", "")):
        done = unlisting.finish(site, NetworkName(network), answer, browser=browser)
        return _done(request, "/", i18n.gettext(unlisting.SAID[done]))
    try:
        finished = service.finish(
            site,
            NetworkName(network),
            answer,
            browser=browser,
            user=asking.user if asking else None,
            session=asking.session if asking else None,
            locale=i18n.speaking().code,
        )
    except rules.Taken as taken:
        return _offer_merge(site, asking, taken.holder)
    goes_to = "/welcome" if finished.meaning is Meaning.NEW else finished.next
    response = RedirectResponse(goes_to, 303)
    # The cookie that binds sign-ins stays until it ends: another one may be under way in this browser.
    renew(request, response, site, finished.user, asking)
    handle = finished.account.actor.handle
    if finished.meaning is Meaning.LINKED:
        cookies.flash(
            request, response, "done", i18n.gettext("%(handle)s is now linked.", handle=handle)
        )
    if finished.meaning is Meaning.OWN:
        cookies.flash(
            request,
            response,
            "done",
            i18n.gettext("%(handle)s is yours, and we may go on.", handle=handle),
        )
    return response


@router.post("/sign-out")
def sign_out(request: Request, site: TheSite, asking: AVisitor) -> Response:
    if asking is not None:
        with site.db.write() as tx:
            session_store.end_session(tx, asking.user, asking.session)
    return _signed_out(request)


@router.post("/sign-out-everywhere")
def sign_out_everywhere(request: Request, site: TheSite, asking: AMember) -> Response:
    with site.db.write() as tx:
        session_store.end_all_sessions(tx, asking.user)
    return _signed_out(request)


@router.get("/accounts")
def accounts_page(request: Request, site: TheSite, asking: AMember) -> Response:
    return _accounts(request, site, asking, None, None, next_path="/accounts")


@router.post("/accounts/{shown_id}/unlink")
@waiting_for_others
def unlink(request: Request, site: TheSite, asking: AMember, shown_id: str) -> Response:
    account = service.part_with(site, asking.user, service.account_id(site, shown_id))
    handle = account.actor.handle
    return _done(
        request, "/accounts", i18n.gettext("%(handle)s is no longer linked.", handle=handle)
    )


@router.post("/sessions/{shown_id}/end")
def end_session(request: Request, site: TheSite, asking: AMember, shown_id: str) -> Response:
    number = service.session_id(site, shown_id)
    with site.db.write() as tx:
        session_store.end_session(tx, asking.user, number)
    if number == asking.session:
        return _signed_out(request)
    return _done(request, "/accounts", i18n.gettext("Signed out there."))


@router.get("/settings/tokens")
def tokens_page(request: Request, site: TheSite, asking: AMember) -> Response:
    return _tokens(request, site, asking, made="")


@router.post("/settings/tokens")
def make_token(
    request: Request, site: TheSite, asking: AMember, name: Annotated[str, Form()] = ""
) -> Response:
    """Make a token for a program. This answer is the only place where it is ever shown."""
    with site.db.write() as tx:
        made = tokens.make_token(tx, site, asking.user, name)
    return _tokens(request, site, asking, made=made)


@router.post("/settings/tokens/{shown_id}/end")
def end_token(request: Request, site: TheSite, asking: AMember, shown_id: str) -> Response:
    with site.db.write() as tx:
        session_store.end_session(tx, asking.user, service.session_id(site, shown_id))
    return _done(request, "/settings/tokens", i18n.gettext("That token no longer works."))


def _offer_merge(site: Site, asking: Member | None, proved: Account) -> Response:
    """Lead to the page that says what moves if two users become one."""
    assert asking is not None, "a visitor takes nothing from anybody"
    offer = Offer(account=proved.id, other=proved.user)
    with site.db.write() as tx:
        now = site.clock.now()
        session_store.offer_merge(tx, site.vault, asking.session, asking.user, offer, now)
    return RedirectResponse("/merge", 303)


def _signed_out(request: Request) -> Response:
    response = RedirectResponse("/", 303)
    for name in (COOKIE, _BROWSER):
        cookies.drop(request, response, name)
    return response


def _done(request: Request, goes_to: str, said: str) -> Response:
    response = RedirectResponse(goes_to, 303)
    cookies.flash(request, response, "done", said)
    return response


def _tokens(request: Request, site: Site, asking: Member, *, made: str) -> Response:
    with site.db.read() as tx:
        held = session_store.sessions_of(tx, asking.user, SessionKind.API, site.clock.now())
    return render.page(request, "accounts/tokens.html", places=shown.places(site, held), made=made)


def _choices(
    request: Request,
    site: Site,
    tried: shown.Tried | None,
    error: OpenPortabilityError | None,
    *,
    next_path: str,
) -> Response:
    return render.page(
        request,
        "accounts/sign_in.html",
        offered=shown.offered(site),
        **shown.what_failed(site, tried, error, _ours(next_path)),
    )


def _accounts(
    request: Request,
    site: Site,
    asking: Member,
    tried: shown.Tried | None,
    error: OpenPortabilityError | None,
    *,
    next_path: str,
) -> Response:
    with site.db.read() as tx:
        accounts = store.accounts_of(tx, asking.user)
        may_follow = grant_store.may_follow(tx, asking.user)
        sessions = session_store.sessions_of(tx, asking.user, SessionKind.BROWSER, site.clock.now())
    return render.page(
        request,
        "accounts/accounts.html",
        linked=[shown.linked(site, account, account.id in may_follow) for account in accounts],
        offered=shown.offered(site),
        places=shown.places(site, sessions),
        this_session=asking.session,
        **shown.what_failed(site, tried, error, _ours(next_path)),
    )


def _ours(path: str) -> str:
    """Return where to go next, if that is a page of ours."""
    return path if _NEXT.fullmatch(path) else "/"


def _expected(site: Site, asking: Member | None, network: str, shown_id: str) -> Account:
    """Return the account that must come back: one of who is signed in, on this network."""
    if asking is None:
        raise NotAllowed("svc.signed_out")
    with site.db.read() as tx:
        account = service.own_account(tx, asking.user, service.account_id(site, shown_id))
    if account.actor.network != network:
        raise NotFound
    return account
