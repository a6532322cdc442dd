"""Tokens for programs."""

from __future__ import annotations

from openportability.accounts import rules, service, session_store, store
from openportability.accounts.session_store import SessionKind
from openportability.db.engine import Tx
from openportability.domain import UserId
from openportability.errors import Conflict
from openportability.site import Site


def make_token(tx: Tx, site: Site, user: UserId, name: str) -> str:
    """Sign a program in and return its token."""
    store.hold(tx, user, site.clock.now())
    held = session_store.sessions_of(tx, user, SessionKind.API, site.clock.now())
    if len(held) >= rules.MOST_TOKENS:
        raise Conflict("auth.many_tokens", count=rules.MOST_TOKENS)
    return service.sign_in(tx, site, user, kind=SessionKind.API, name=rules.token_name(name))
