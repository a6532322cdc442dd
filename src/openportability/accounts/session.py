"""Cookie or bearer → who is asking. Every route declares one of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.requests import HTTPConnection

from openportability.accounts import rules, service, session_store, store
from openportability.accounts.people import User
from openportability.accounts.session_store import UNUSED, SessionKind
from openportability.clock import Watch
from openportability.domain import UserId
from openportability.errors import NotAllowed
from openportability.site import Site
from openportability.web import cookies, rates
from openportability.web.threads import at_once, counted_where

COOKIE = cookies.SESSION


@dataclass(frozen=True, kw_only=True)
class Member:
    """The user who is asking, and the session they ask from."""

    user: UserId
    session: int
    kind: SessionKind
    chosen: User


@at_once
def site_of(request: Request) -> Site:
    """Return the site that serves this request."""
    return _site(request)


@counted_where(rates.is_shared)
def visitor(request: Request) -> Member | None:
    """Anybody may ask; says who it is, if they are signed in."""
    site = _site(request)
    bearer = _bearer(request)
    token = cookies.read(request, COOKIE) if bearer is None else bearer
    request.state.member = None
    if not token:
        return None
    now = site.clock.now()
    with site.db.read(single=True) as tx:
        known = session_store.asking(tx, site.vault.token_hash(token), now)
    if known is None:
        return None
    found, user = known
    if found.kind is not (SessionKind.BROWSER if bearer is None else SessionKind.API):
        return None
    if session_store.is_stale(found, now):
        with site.db.write() as tx:
            # The user first, as everywhere: two who hold both in turn would wait for each other.
            store.hold(tx, found.user, now)
            session_store.note_use(tx, found.id, now)
    rates.admit_account(request, request.method, found.user)
    asking = Member(user=found.user, session=found.id, kind=found.kind, chosen=user)
    request.state.member = asking
    return asking


@at_once
def member(asking: Annotated[Member | None, Depends(visitor)]) -> Member:
    """Only who is signed in may ask."""
    if asking is None:
        raise NotAllowed("svc.signed_out")
    return asking


def present(
    asking: Annotated[Member, Depends(member)], site: Annotated[Site, Depends(site_of)]
) -> Member:
    """Only who is signed in may ask; by a program only soon after they signed in, for its token may be stolen."""
    ask_presence(site, asking)
    return asking


def ask_presence(site: Site, asking: Member) -> None:
    """Refuse a program whose person did not sign in lately."""
    if asking.kind is not SessionKind.API:
        return
    now = site.clock.now()
    with site.db.read() as tx:
        # A sign-in while the clock was ahead would be a recent one for as long as that.
        if not session_store.signed_in_between(
            tx, asking.user, now - rules.PRESENT, now + Watch.LEAST
        ):
            raise NotAllowed("auth.not_present")


def renew(
    request: Request, response: Response, site: Site, user: UserId, before: Member | None
) -> None:
    """Give the browser a fresh session: rights grew, so the one before ends."""
    name = rules.browser_name(request.headers.get("user-agent", ""))
    with site.db.write() as tx:
        if before is not None:
            session_store.end_session(tx, before.user, before.session)
        token = service.sign_in(tx, site, user, kind=SessionKind.BROWSER, name=name)
    cookies.put(request, response, COOKIE, token, max_age_seconds=int(UNUSED.total_seconds()))


def is_member(request: HTTPConnection) -> bool:
    """Say whether a request comes from somebody who is signed in, before any of its body is read."""
    bearer = _bearer(request)
    token = cookies.read(request, COOKIE) if bearer is None else bearer
    if not token:
        return False
    site = _site(request)
    with site.db.read(single=True) as tx:
        hashed, now = site.vault.token_hash(token), site.clock.now()
        return session_store.asking(tx, hashed, now) is not None


def _site(request: HTTPConnection) -> Site:
    site: Site = request.app.state.site
    return site


def _bearer(request: HTTPConnection) -> str | None:
    """Return the token of a program. It opens the API only: no page, so it cannot make more tokens."""
    if not request.scope["path"].startswith("/api/"):
        return None
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


TheSite = Annotated[Site, Depends(site_of)]
AMember = Annotated[Member, Depends(member)]
APresentMember = Annotated[Member, Depends(present)]
AVisitor = Annotated[Member | None, Depends(visitor)]
