"""Addresses, sealed under the person's key, and the outbox: rows that say which mail, and not to whom."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, exists, func, select, update

from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.db.schema import lanes, mail_addresses, mails, users
from openportability.domain import UserId
from openportability.mail.rules import Mail, again_at
from openportability.vault import PersonalKey


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a person is written to, and what for."""

    address: str
    #: What they ticked; it counts from the confirmation on.
    wanted: tuple[Mail, ...]
    given_at: datetime
    confirmed_at: datetime | None
    told_at: datetime
    look_at: datetime
    noticed: bool


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A mail in the outbox."""

    id: int
    user: UserId
    kind: Mail
    #: What the mail counts.
    n: int
    tries: int
    at: datetime


# --- addresses --------------------------------------------------------------------------------


def hold(tx: Tx, user: UserId) -> bool:
    """Let nobody erase a user until this ends; say whether they are (still) here."""
    held = select(users.c.id).where(users.c.id == user).with_for_update(key_share=True)
    return tx.execute(held).first() is not None


def put_address(
    tx: Tx, key: PersonalKey, user: UserId, address: str, wanted: Sequence[Mail], now: datetime
) -> None:
    """Note an address that is to be confirmed; one that was there is forgotten."""
    drop_address(tx, user)
    packed = json.dumps({"address": address, "wanted": list(wanted)}).encode()
    values = {
        "user_id": user,
        "sealed": key.seal(packed, _place(user)),
        "given_at": micros(now),
        "confirmed_at": None,
        "told_at": micros(now),
        "look_at": micros(now),
        "noticed": False,
    }
    tx.execute(mail_addresses.insert().values(values))


_ADDRESS_OF = select(mail_addresses).where(mail_addresses.c.user_id == bindparam("user"))


def address_of(tx: Tx, key: PersonalKey, user: UserId) -> Address | None:
    """Return a person's address, None where there is none."""
    row = tx.execute(_ADDRESS_OF, {"user": user}).one_or_none()
    if row is None:
        return None
    said = json.loads(key.open(row.sealed, _place(user)))
    return Address(
        address=said["address"],
        wanted=tuple(Mail(one) for one in said["wanted"]),
        given_at=moment(row.given_at),
        confirmed_at=None if row.confirmed_at is None else moment(row.confirmed_at),
        told_at=moment(row.told_at),
        look_at=moment(row.look_at),
        noticed=row.noticed,
    )


def given_at(tx: Tx, user: UserId) -> datetime | None:
    """Return when an address was given, None where there is none."""
    found = select(mail_addresses.c.given_at).where(mail_addresses.c.user_id == user)
    at = tx.execute(found).scalar_one_or_none()
    return None if at is None else moment(at)


def note_confirmed(tx: Tx, user: UserId, now: datetime) -> None:
    """Note that who reads mail at the address said yes."""
    _change(tx, user, confirmed_at=micros(now), told_at=micros(now), look_at=micros(now))


def note_told(tx: Tx, user: UserId, until: datetime, look_at: datetime) -> None:
    """Note that a person was told of all who arrived before a moment."""
    _change(tx, user, told_at=micros(until), look_at=micros(look_at))


def look_later(tx: Tx, user: UserId, look_at: datetime) -> None:
    """Note when to look for arrivals again."""
    _change(tx, user, look_at=micros(look_at))


def note_noticed(tx: Tx, user: UserId, *, noticed: bool) -> None:
    """Note whether the person knows that a network wants them to sign in."""
    _change(tx, user, noticed=noticed)


def drop_address(tx: Tx, user: UserId) -> None:
    """Forget an address and all that waits to be sent there."""
    tx.execute(delete(mails).where(mails.c.user_id == user))
    tx.execute(delete(mail_addresses).where(mail_addresses.c.user_id == user))


def drop_unconfirmed(tx: Tx, since: datetime) -> None:
    """Forget addresses that were given before and that nobody confirmed."""
    old = (mail_addresses.c.confirmed_at.is_(None)) & (mail_addresses.c.given_at < micros(since))
    late = select(mail_addresses.c.user_id).where(old)
    tx.execute(delete(mails).where(mails.c.user_id.in_(late)))
    tx.execute(delete(mail_addresses).where(old))


def due_looks(tx: Tx, now: datetime, limit: int) -> list[UserId]:
    """Return whose arrivals are to be counted, who waits for longest first."""
    confirmed = mail_addresses.c.confirmed_at.is_not(None)
    due = (
        select(mail_addresses.c.user_id)
        .where(confirmed, mail_addresses.c.look_at <= micros(now))
        .order_by(mail_addresses.c.look_at)
    )
    return [UserId(user) for user in tx.execute(due.limit(limit)).scalars()]


def to_notice(tx: Tx, limit: int) -> list[UserId]:
    """Return of whom it is not noted right whether a network wants them to sign in."""
    signed_out = exists().where(
        lanes.c.user_id == mail_addresses.c.user_id, lanes.c.state == "signed_out"
    )
    confirmed = mail_addresses.c.confirmed_at.is_not(None)
    changed = (mail_addresses.c.noticed & ~signed_out) | (~mail_addresses.c.noticed & signed_out)
    found = select(mail_addresses.c.user_id).where(confirmed, changed).limit(limit)
    return [UserId(user) for user in tx.execute(found).scalars()]


def is_signed_out(tx: Tx, user: UserId) -> bool:
    """Say whether a network wants a person to sign in."""
    found = select(lanes.c.account_id).where(lanes.c.user_id == user, lanes.c.state == "signed_out")
    return tx.execute(found.limit(1)).first() is not None


# --- the outbox -------------------------------------------------------------------------------


def put_mail(tx: Tx, user: UserId, kind: Mail, n: int, now: datetime) -> int:
    """Put a mail into the outbox in place of one of the kind that waits; return its number."""
    tx.execute(delete(mails).where(mails.c.user_id == user, mails.c.kind == kind))
    at = micros(now)
    values = {"user_id": user, "kind": kind, "n": n, "tries": 0, "due_at": at, "at": at}
    number: int = tx.execute(mails.insert().values(values).returning(mails.c.id)).scalar_one()
    return number


def due_mails(tx: Tx, now: datetime, limit: int) -> list[int]:
    """Return what is to be tried."""
    due = select(mails.c.id).where(mails.c.due_at <= micros(now)).order_by(mails.c.due_at)
    return list(tx.execute(due.limit(limit)).scalars())


def take(tx: Tx, number: int, now: datetime) -> Waiting | None:
    """Take one try at a mail that is due; nobody else takes one before the next is."""
    row = tx.execute(select(mails).where(mails.c.id == number).with_for_update()).one_or_none()
    if row is None or row.due_at > micros(now):
        return None
    next_at = micros(again_at(row.tries, now))
    tries = row.tries + 1
    tx.execute(update(mails).where(mails.c.id == number).values(tries=tries, due_at=next_at))
    return Waiting(
        id=row.id,
        user=UserId(row.user_id),
        kind=Mail(row.kind),
        n=row.n,
        tries=tries,
        at=moment(row.at),
    )


def drop_mail(tx: Tx, number: int) -> None:
    """It was sent, or never will be."""
    tx.execute(delete(mails).where(mails.c.id == number))


def drop_mails(tx: Tx, user: UserId, kind: Mail) -> None:
    """Forget what waits of one kind."""
    tx.execute(delete(mails).where(mails.c.user_id == user, mails.c.kind == kind))


def waiting_of(tx: Tx, user: UserId) -> list[tuple[Mail, int]]:
    """Return the kinds of mail that wait for a person, and how often each was tried."""
    rows = tx.execute(select(mails).where(mails.c.user_id == user).order_by(mails.c.id))
    return [(Mail(row.kind), row.tries) for row in rows]


def hurry(tx: Tx, now: datetime) -> None:
    """Let all that waits be tried now."""
    tx.execute(update(mails).where(mails.c.due_at > micros(now)).values(due_at=micros(now)))


def backlog(tx: Tx) -> tuple[int, datetime | None]:
    """Return how many mails wait, and since when the oldest one that was tried in vain."""
    count = tx.execute(select(func.count()).select_from(mails)).scalar_one()
    oldest = tx.execute(select(func.min(mails.c.at)).where(mails.c.tries > 0)).scalar()
    return count, None if oldest is None else moment(oldest)


def _change(tx: Tx, user: UserId, **values: int | bool) -> None:
    tx.execute(update(mail_addresses).where(mail_addresses.c.user_id == user).values(**values))


def _place(user: UserId) -> str:
    return f"mail_addresses:{user}"
