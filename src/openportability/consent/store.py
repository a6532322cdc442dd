"""The consent ledger: only ever added to; the newest line of a purpose holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, bindparam, insert, select, update

from openportability.clock import micros, moment
from openportability.consent.rules import Choice
from openportability.db.engine import Tx
from openportability.db.schema import consents
from openportability.domain import UserId


@dataclass(frozen=True, kw_only=True)
class Consent:
    """What somebody said once, to which words."""

    choice: Choice
    value: str
    wording: str
    locale: str
    #: Where it was said: page, api; merge where it is the more private word of two users;
    #: elsewhere where it was said to another site, which counts for nothing here.
    how: str
    at: datetime


def add(tx: Tx, user: UserId, consent: Consent) -> None:
    """Note what somebody said."""
    tx.execute(
        insert(consents),
        {
            "user_id": user,
            "purpose": consent.choice,
            "value": consent.value,
            "wording": consent.wording,
            "locale": consent.locale,
            "how": consent.how,
            "at": micros(consent.at),
        },
    )


_HISTORY = select(consents).where(consents.c.user_id == bindparam("user")).order_by(consents.c.id)


def history(tx: Tx, user: UserId) -> list[Consent]:
    """Return all that somebody ever said, here or elsewhere, in the order in which we learned it."""
    return [_consent(row) for row in tx.execute(_HISTORY, {"user": user})]


def move_history(tx: Tx, user: UserId, to: UserId) -> None:
    """Let all that somebody ever said be what another user said: the two are one person."""
    tx.execute(update(consents).where(consents.c.user_id == user).values(user_id=to))


def _consent(row: Row[tuple[object, ...]]) -> Consent:
    return Consent(
        choice=Choice(row.purpose),
        value=row.value,
        wording=row.wording,
        locale=row.locale,
        how=row.how,
        at=moment(row.at),
    )
