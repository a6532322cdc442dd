"""Reports of archives, and lists half read from an account, in and out. Archives are stored nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, func, insert, or_, select, update

from openportability.archives.fetch import Fetch, FetchState, Progress
from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.db.schema import archives, fetches
from openportability.domain import Account, AccountId, NetworkName, UserId
from openportability.vault import PersonalKey

_OF_USER = archives.c.user_id == bindparam("user")
_REPORT = select(archives).where(_OF_USER, archives.c.id == bindparam("number"))
_COUNT = select(func.count()).select_from(archives).where(_OF_USER)
_ADD = insert(archives).returning(archives.c.id)
_MOMENTS = (
    select(archives.c.at)
    .where(_OF_USER, archives.c.at > bindparam("since"))
    .order_by(archives.c.at)
)
_NEWEST = select(func.max(archives.c.id)).where(_OF_USER)


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
    number: int = tx.execute(_ADD, row).scalar_one()
    return number


def report(tx: Tx, key: PersonalKey, user: UserId, number: int) -> bytes | None:
    """Return a user's report, or None where there is none or it is not theirs."""
    row = tx.execute(_REPORT, {"user": user, "number": number}).one_or_none()
    return None if row is None else key.open(row.report, _place(user, row.network))


def all_of(tx: Tx, key: PersonalKey, user: UserId) -> list[tuple[datetime, bytes]]:
    """Return all reports of a user with their times, oldest first."""
    rows = tx.execute(select(archives).where(archives.c.user_id == user).order_by(archives.c.id))
    return [(moment(row.at), key.open(row.report, _place(user, row.network))) for row in rows]


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
    number: int = tx.execute(_COUNT, {"user": user}).scalar_one()
    return number


def newest(tx: Tx, user: UserId) -> int | None:
    """Return the number of a user's newest report."""
    return tx.execute(_NEWEST, {"user": user}).scalar_one_or_none()


def moments_since(tx: Tx, user: UserId, since: datetime) -> list[int]:
    """Return when a user brought archives since then, oldest first, as stored."""
    return list(tx.execute(_MOMENTS, {"user": user, "since": micros(since)}).scalars())


#: Longer than a worker reads before it gives a reading back.
_LEASE = timedelta(minutes=2)


def begin_fetch(
    tx: Tx, key: PersonalKey, account: Account, progress: Progress, now: datetime
) -> None:
    """Have the lists of an account read from the beginning, whatever an earlier reading became."""
    row = {
        "account_id": account.id,
        "user_id": account.user,
        "network": account.actor.network,
        "sealed": _sealed(key, account.id, progress),
        "state": FetchState.READING,
        "reason": None,
        "n": 0,
        "next_at": micros(now),
        "lease": None,
        "lease_until": None,
        "failures": 0,
        "report_id": None,
        "at": micros(now),
    }
    change = [name for name in row if name != "account_id"]
    tx.execute(tx.dialect.upsert(fetches, key=["account_id"], change=change), row)


#: Without what was read so far, which may be long.
_FETCHES_OF = select(
    fetches.c.account_id,
    fetches.c.state,
    fetches.c.reason,
    fetches.c.n,
    fetches.c.next_at,
    fetches.c.report_id,
    fetches.c.at,
).where(fetches.c.user_id == bindparam("user"))


def fetches_of(tx: Tx, user: UserId) -> dict[AccountId, Fetch]:
    """Return the readings of a user's accounts."""
    rows = tx.execute(_FETCHES_OF, {"user": user})
    return {
        AccountId(row.account_id): Fetch(
            account=AccountId(row.account_id),
            state=FetchState(row.state),
            reason=row.reason,
            count=row.n,
            next_at=None if row.next_at is None else moment(row.next_at),
            report=row.report_id,
            at=moment(row.at),
        )
        for row in rows
    }


def due_fetches(
    tx: Tx, networks: Sequence[NetworkName], now: datetime, limit: int
) -> list[AccountId]:
    """Return readings on these networks to go on with now, longest due first."""
    rows = tx.execute(
        select(fetches.c.account_id)
        .where(fetches.c.network.in_(networks), fetches.c.next_at <= micros(now), _is_free(now))
        .order_by(fetches.c.next_at)
        .limit(limit)
    )
    return [AccountId(account) for account in rows.scalars()]


def lease_fetch(
    tx: Tx, account: AccountId, token: str, now: datetime
) -> tuple[UserId, bytes, int] | None:
    """Take a reading that is due: whose it is, what is kept of it, failures; None if it is not ours."""
    row = tx.execute(
        update(fetches)
        .where(fetches.c.account_id == account, fetches.c.next_at <= micros(now), _is_free(now))
        .values(lease=token, lease_until=micros(now + _LEASE))
        .returning(fetches.c.user_id, fetches.c.sealed, fetches.c.failures)
    ).one_or_none()
    return None if row is None else (UserId(row.user_id), row.sealed, row.failures)


def open_progress(key: PersonalKey, account: AccountId, sealed: bytes) -> Progress:
    """Return how far a reading had come."""
    return Progress.from_bytes(key.open(sealed, _fetch_place(account)))


def hold_fetch(tx: Tx, account: AccountId, token: str) -> bool:
    """Say whether a reading still is ours, and keep it so until this transaction ends."""
    done = tx.execute(
        update(fetches)
        .where(fetches.c.account_id == account, fetches.c.lease == token)
        .values(lease=None, lease_until=None)
    )
    return done.rowcount == 1


def keep_fetch(
    tx: Tx,
    key: PersonalKey,
    account: AccountId,
    progress: Progress,
    *,
    next_at: datetime | None,
    reason: str | None,
    failures: int,
) -> None:
    """Note how far a reading has come, and when it goes on; None: it failed."""
    tx.execute(
        update(fetches)
        .where(fetches.c.account_id == account)
        .values(
            sealed=_sealed(key, account, progress),
            state=FetchState.FAILED if next_at is None else FetchState.READING,
            reason=reason,
            n=progress.count,
            next_at=None if next_at is None else micros(next_at),
            failures=failures,
        )
    )


def end_fetch(tx: Tx, key: PersonalKey, account: AccountId, report: int, count: int) -> None:
    """Note that all was read; what was read stands in the lists now, and no longer here."""
    tx.execute(
        update(fetches)
        .where(fetches.c.account_id == account)
        .values(
            sealed=_sealed(key, account, Progress(left=[])),
            state=FetchState.DONE,
            reason=None,
            n=count,
            next_at=None,
            report_id=report,
        )
    )


def drop_fetch(tx: Tx, account: AccountId) -> None:
    """Forget a reading."""
    tx.execute(delete(fetches).where(fetches.c.account_id == account))


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(fetches.c.lease_until.is_(None), fetches.c.lease_until < micros(now))


def _sealed(key: PersonalKey, account: AccountId, progress: Progress) -> bytes:
    return key.seal(progress.to_bytes(), _fetch_place(account))


def _fetch_place(account: AccountId) -> str:
    return f"fetches:{account}"


def _place(user: UserId, network: NetworkName) -> str:
    return f"archives:{user}:{network}:report"
