"""Reports of archives, in and out. The archives themselves are stored nowhere."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, select, update

from openportability.clock import micros
from openportability.db.engine import Tx
from openportability.db.schema import archives
from openportability.domain import NetworkName, UserId
from openportability.vault import PersonalKey


def add_report(
    tx: Tx, key: PersonalKey, user: UserId, network: NetworkName, report: bytes, at: datetime
) -> int:
    """Keep a report and return its number."""
    row = {
        "user_id": user,
        "network": network,
        "report": key.seal(report, _place(user, network)),
        "at": micros(at),
    }
    number: int = tx.execute(insert(archives).values(row).returning(archives.c.id)).scalar_one()
    return number


def report(tx: Tx, key: PersonalKey, user: UserId, number: int) -> bytes | None:
    """Return a user's report, or None where there is none or it is not theirs."""
    row = tx.execute(
        select(archives).where(archives.c.id == number, archives.c.user_id == user)
    ).one_or_none()
    return None if row is None else key.open(row.report, _place(user, row.network))


def move_reports(tx: Tx, old: PersonalKey, new: PersonalKey, user: UserId, to: UserId) -> None:
    """Let all reports of a user be another's."""
    for row in tx.execute(select(archives).where(archives.c.user_id == user)).all():
        told = old.open(row.report, _place(user, row.network))
        tx.execute(
            update(archives)
            .where(archives.c.id == row.id)
            .values(user_id=to, report=new.seal(told, _place(to, row.network)))
        )


def count(tx: Tx, user: UserId) -> int:
    """Return how many reports a user has."""
    mine = select(func.count()).select_from(archives).where(archives.c.user_id == user)
    number: int = tx.execute(mine).scalar_one()
    return number


def newest(tx: Tx, user: UserId) -> int | None:
    """Return the number of a user's newest report."""
    return tx.execute(
        select(func.max(archives.c.id)).where(archives.c.user_id == user)
    ).scalar_one_or_none()


def moments_since(tx: Tx, user: UserId, since: datetime) -> list[int]:
    """Return when a user brought archives since then, oldest first, as stored."""
    return list(
        tx.execute(
            select(archives.c.at)
            .where(archives.c.user_id == user, archives.c.at > micros(since))
            .order_by(archives.c.at)
        ).scalars()
    )


def _place(user: UserId, network: NetworkName) -> str:
    return f"archives:{user}:{network}:report"
