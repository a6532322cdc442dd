"""Sessions, and sign-ins under way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Row, bindparam, delete, insert, select, update

from openportability.accounts import rows
from openportability.accounts.people import User
from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.db.schema import flows, merges, sessions, users
from openportability.domain import AccountId, ActorId, NetworkName, Purpose, UserId
from openportability.vault import Unreadable, Vault

#: A session ends when it was not used for so long.
UNUSED = timedelta(days=30)
#: A sign-in must be finished within.
FLOW = timedelta(minutes=10)
#: Uses of a session are noted at most so often: a page view should not cost a write.
_NOTE_EVERY = timedelta(hours=1)


class SessionKind(StrEnum):
    """A signed-in browser, or a token for programs."""

    BROWSER = "browser"
    API = "api"


@dataclass(frozen=True, kw_only=True)
class Session:
    """One place where a user is signed in."""

    id: int
    user: UserId
    kind: SessionKind
    name: str
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A sign-in under way, as only we know it: the browser carries nothing but its state."""

    network: NetworkName
    purpose: Purpose
    #: Hash of the secret in the browser that began; another browser cannot finish.
    browser: str
    #: Who was signed in when it began.
    user: UserId | None
    #: The actor that must come back, where only one will do.
    expected: ActorId | None
    #: Where the person goes afterwards: a path of ours.
    next: str
    #: What the network's `finish` needs.
    secret: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Another user whom a person proved to be, by signing in with one of their accounts."""

    account: AccountId
    other: UserId


#: By names that no column of a user has.
_SESSION = (
    sessions.c.id.label("session"),
    *(sessions.c.user_id, sessions.c.kind, sessions.c.name),
    *(sessions.c.created_at.label("opened_at"), sessions.c.seen_at.label("used_at")),
)
#: Asked with every request of a member, so in one statement.
_ASKING = (
    select(users, *_SESSION)
    .join(users, users.c.id == sessions.c.user_id)
    .where(sessions.c.token_hash == bindparam("token"), sessions.c.expires_at > bindparam("now"))
)


_IS_OPEN = select(sessions.c.id).where(sessions.c.id == bindparam("number"))
_IS_FLOW = flows.c.state_hash == bindparam("state")
_FLOW = select(flows.c.sealed).where(_IS_FLOW)
_TAKE_FLOW = delete(flows).where(_IS_FLOW).returning(flows.c.sealed, flows.c.expires_at)
_SESSIONS_OF = (
    select(*_SESSION)
    .where(
        sessions.c.user_id == bindparam("user"),
        sessions.c.kind == bindparam("kind"),
        sessions.c.expires_at > bindparam("now"),
    )
    .order_by(sessions.c.seen_at.desc(), sessions.c.id.desc())
)


def open_session(
    tx: Tx, token_hash: bytes, user: UserId, kind: SessionKind, name: str, now: datetime
) -> None:
    """Sign a user in where this token is."""
    tx.execute(
        insert(sessions),
        {
            "token_hash": token_hash,
            "user_id": user,
            "kind": kind,
            "name": name,
            "created_at": micros(now),
            "seen_at": micros(now),
            "expires_at": micros(now + UNUSED),
        },
    )


def asking(tx: Tx, token_hash: bytes, now: datetime) -> tuple[Session, User] | None:
    """Return the session of a token and whose it is, or None when it ended."""
    row = tx.execute(_ASKING, {"token": token_hash, "now": micros(now)}).one_or_none()
    return None if row is None else (_session(row), rows.user(row))


def is_stale(found: Session, now: datetime) -> bool:
    """Say whether a use of this session should be noted again."""
    return now - found.seen_at > _NOTE_EVERY


def note_use(tx: Tx, number: int, now: datetime) -> None:
    """Keep a session that is used."""
    tx.execute(
        update(sessions)
        .where(sessions.c.id == number)
        .values(seen_at=micros(now), expires_at=micros(now + UNUSED))
    )


def turn_back(tx: Tx, now: datetime) -> None:
    """Count what was used later than now, by a clock that was ahead, as used now: it ends no later than others."""
    tx.execute(
        update(sessions)
        .where(sessions.c.seen_at > micros(now))
        .values(seen_at=micros(now), expires_at=micros(now + UNUSED))
    )


def sessions_of(tx: Tx, user: UserId, kind: SessionKind, now: datetime) -> list[Session]:
    """Return where a user is signed in, latest use first."""
    rows = tx.execute(_SESSIONS_OF, {"user": user, "kind": kind, "now": micros(now)})
    return [_session(row) for row in rows]


def signed_in_between(tx: Tx, user: UserId, since: datetime, until: datetime) -> bool:
    """Say whether a user signed in with a browser then, and did not end that."""
    fresh = select(sessions.c.id).where(
        sessions.c.user_id == user,
        sessions.c.kind == SessionKind.BROWSER,
        sessions.c.created_at.between(micros(since), micros(until)),
    )
    return tx.execute(fresh.limit(1)).first() is not None


def is_open(tx: Tx, number: int) -> bool:
    """Say whether nobody has ended a session."""
    return tx.execute(_IS_OPEN, {"number": number}).first() is not None


def end_session(tx: Tx, user: UserId, number: int) -> bool:
    """Sign out one place; say whether it was there."""
    done = tx.execute(delete(sessions).where(sessions.c.user_id == user, sessions.c.id == number))
    return done.rowcount == 1


def end_all_sessions(tx: Tx, user: UserId) -> None:
    """Sign out everywhere."""
    tx.execute(delete(sessions).where(sessions.c.user_id == user))


def open_flow(tx: Tx, vault: Vault, state_hash: bytes, flow: Flow, now: datetime) -> None:
    """Remember a sign-in that leaves for its network."""
    form = {
        "network": flow.network,
        "purpose": flow.purpose,
        "browser": flow.browser,
        "user": flow.user,
        "expected": flow.expected,
        "next": flow.next,
        "secret": dict(flow.secret),
    }
    tx.execute(
        insert(flows),
        {
            "state_hash": state_hash,
            "sealed": vault.seal(json.dumps(form).encode(), _place_of(state_hash)),
            "expires_at": micros(now + FLOW),
        },
    )


def take_flow(tx: Tx, vault: Vault, state_hash: bytes) -> tuple[Flow, datetime] | None:
    """Take a sign-in that came back, with the time when it ends: it can be taken once."""
    row = tx.execute(_TAKE_FLOW, {"state": state_hash}).one_or_none()
    if row is None:
        return None
    form = json.loads(vault.open(row.sealed, _place_of(state_hash)))
    flow = Flow(
        network=NetworkName(form["network"]),
        purpose=Purpose(form["purpose"]),
        browser=form["browser"],
        user=None if form["user"] is None else UserId(form["user"]),
        expected=None if form["expected"] is None else ActorId(form["expected"]),
        next=form["next"],
        secret=form["secret"],
    )
    return flow, moment(row.expires_at)


def next_of(tx: Tx, vault: Vault, state_hash: bytes) -> str:
    """Return where a sign-in under way leads, empty for an unknown one."""
    sealed = tx.execute(_FLOW, {"state": state_hash}).scalar()
    if sealed is None:
        return ""
    try:
        return str(json.loads(vault.open(sealed, _place_of(state_hash)))["next"])
    except Unreadable:
        return ""


def offer_merge(
    tx: Tx, vault: Vault, session: int, user: UserId, offer: Offer, now: datetime
) -> None:
    """Remember, for this one session, that its user proved to be another user as well."""
    form = json.dumps([offer.account, offer.other]).encode()
    row = {
        "session_id": session,
        "user_id": user,
        "sealed": vault.seal(form, _offer_of(session)),
        "expires_at": micros(now + FLOW),
    }
    change = ["user_id", "sealed", "expires_at"]
    tx.execute(tx.dialect.upsert(merges, key=["session_id"], change=change), row)


def merge_offered(tx: Tx, vault: Vault, session: int, now: datetime) -> Offer | None:
    """Return what a session may join, or None when that is over."""
    sealed = tx.execute(
        select(merges.c.sealed).where(
            merges.c.session_id == session, merges.c.expires_at > micros(now)
        )
    ).scalar()
    if sealed is None:
        return None
    account, other = json.loads(vault.open(sealed, _offer_of(session)))
    return Offer(account=AccountId(account), other=UserId(other))


def drop_merge(tx: Tx, session: int) -> bool:
    """Take the offer back; say whether it was there."""
    return tx.execute(delete(merges).where(merges.c.session_id == session)).rowcount == 1


def drop_expired(tx: Tx, now: datetime) -> None:
    """Forget sign-ins that nobody finished, and sessions and offers that nobody used."""
    tx.execute(delete(merges).where(merges.c.expires_at <= micros(now)))
    tx.execute(delete(flows).where(flows.c.expires_at <= micros(now)))
    tx.execute(delete(sessions).where(sessions.c.expires_at <= micros(now)))


def _place_of(state_hash: bytes) -> str:
    return f"flows:{state_hash.hex()}"


def _offer_of(session: int) -> str:
    return f"merges:{session}"


def _session(row: Row[tuple[object, ...]]) -> Session:
    return Session(
        id=row.session,
        user=UserId(row.user_id),
        kind=SessionKind(row.kind),
        name=row.name,
        created_at=moment(row.opened_at),
        seen_at=moment(row.used_at),
    )
