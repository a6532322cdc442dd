"""What an operator may know of the database: whether it opens, and numbers that name nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, or_, select, update

from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.db.schema import (
    METADATA,
    counters,
    hosts,
    lanes,
    reconnections,
    user_keys,
    users,
)
from openportability.db.site_schema import acts
from openportability.domain import AccountId, NetworkName, UserId

_WORKER = "operator.worker"
#: 1 while the directory of a network, whose name follows, did not answer when it was last asked.
_DIRECTORY_AWAY = "operator.directory_away."
#: When a chore, whose name follows, last ran to its end.
_CHORE = "operator.chore."
#: How often a job ended in a way; its name and the way follow.
_JOB = "operator.job."
#: Columns that say when something is looked at next, how long it is left alone, or who need not be told of it.
LATER = frozenset(
    {"next_at", "due_at", "turn_at", "look_at", "again_at", "until", "reset_at", "told_at"},
)
#: The column that says how long nobody else may work on something, and how long that is at the most.
LEASED = "lease_until"
_LONGEST_LEASE = timedelta(minutes=2)
#: What arrives, the sequence that counts it, and how far matching has come in it.
_SWEEPS = (
    ("people", "accounts", "matching.accounts"),
    ("lists", "follow_lists", "matching.lists"),
)


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that somebody did from a shell."""

    who: str
    what: str
    at: datetime


def note_act(tx: Tx, act: Act) -> None:
    """Add to the record."""
    tx.execute(insert(acts).values(who=act.who, what=act.what, at=micros(act.at)))


def acts_done(tx: Tx) -> list[Act]:
    """Return the record, the newest first."""
    rows = tx.execute(select(acts).order_by(acts.c.id.desc()))
    return [Act(who=row.who, what=row.what, at=moment(row.at)) for row in rows]


def forget_acts(tx: Tx, before: datetime) -> None:
    """Forget what is older."""
    tx.execute(delete(acts).where(acts.c.at < micros(before)))


def some_key(tx: Tx) -> tuple[UserId, bytes] | None:
    """Return the wrapped key of the person who came last: it was sealed with a key still in use."""
    row = tx.execute(
        select(user_keys.c.user_id, user_keys.c.wrapped)
        .order_by(user_keys.c.user_id.desc())
        .limit(1)
    ).first()
    return None if row is None else (UserId(row.user_id), row.wrapped)


def note_worker(tx: Tx, now: datetime) -> None:
    """Note that a worker is at work."""
    _note(tx, _WORKER, micros(now))


def worker_seen(tx: Tx, *, hold: bool = False) -> datetime | None:
    """Return when a worker was last at work; None: never. Who holds it is the only one to change it meanwhile."""
    seen = select(counters.c.n).where(counters.c.name == _WORKER)
    found = tx.execute(seen.with_for_update() if hold else seen).scalar()
    return None if found is None else moment(found)


def put_off_less(tx: Tx, now: datetime, by: timedelta) -> None:
    """Let all that is put off come sooner. Found by reading the schema: a new table cannot be forgotten.

    A lease may have been taken since the clock went back: it only never lasts longer than any does.
    """
    less, lapses = by // timedelta(microseconds=1), micros(now + _LONGEST_LEASE)
    for table in METADATA.sorted_tables:
        for column in table.columns:
            if column.name in LATER:
                waits = update(table).where(column > micros(now))
                tx.execute(waits.values({column.name: column - less}))
            elif column.name == LEASED:
                tx.execute(update(table).where(column > lapses).values({column.name: lapses}))


def paced_lanes(tx: Tx) -> list[AccountId]:
    """Return the lanes that count follows against limits of their network."""
    counted = select(lanes.c.account_id).where(lanes.c.spent != "[]")
    return [AccountId(account) for account in tx.execute(counted).scalars()]


def count_people(tx: Tx) -> int:
    """Return how many people take part."""
    count: int = tx.execute(select(func.count()).select_from(users)).scalar_one()
    return count


def count_lanes(tx: Tx) -> Mapping[tuple[str, str], int]:
    """Return how many lanes there are by network and state."""
    by = (lanes.c.network, lanes.c.state)
    rows = tx.execute(select(*by, func.count().label("rows")).group_by(*by))
    return {(row.network, row.state): row.rows for row in rows}


def count_resting(tx: Tx, now: datetime) -> Mapping[str, int]:
    """Return how many servers are left alone by network: they fail, asked for it, or are paused."""
    rows = tx.execute(
        select(hosts.c.network, func.count().label("rows"))
        .where(hosts.c.until > micros(now))
        .group_by(hosts.c.network)
    )
    return {row.network: row.rows for row in rows}


def count_spent(tx: Tx, now: datetime) -> Mapping[str, int]:
    """Return how many lanes have no budget left with their network until it is renewed, by network."""
    rows = tx.execute(
        select(lanes.c.network, func.count().label("rows"))
        .where(lanes.c.remaining == 0, lanes.c.reset_at > micros(now))
        .group_by(lanes.c.network)
    )
    return {row.network: row.rows for row in rows}


def overdue_since(tx: Tx, now: datetime) -> datetime | None:
    """Return when the lane was due that nobody serves for the longest; None where none is due."""
    found = tx.execute(
        select(func.min(lanes.c.next_at)).where(
            lanes.c.state == "open",
            lanes.c.next_at <= micros(now),
            or_(lanes.c.lease_until.is_(None), lanes.c.lease_until < micros(now)),
        )
    ).scalar()
    return None if found is None else moment(found)


def count_reconnections(tx: Tx) -> Mapping[tuple[str, str, str, str], int]:
    """Return how many rows of the ledger there are by network, deed, state and reason. Reads all of them."""
    of = reconnections.c
    by = (of.network, of.deed, of.state, of.reason)
    rows = tx.execute(select(*by, func.count().label("rows")).group_by(*by))
    return {(row.network, row.deed, row.state, row.reason or ""): row.rows for row in rows}


def note_chore(tx: Tx, chore: str, now: datetime) -> None:
    """Note that a chore ran to its end."""
    _note(tx, f"{_CHORE}{chore}", micros(now))


def chores_seen(tx: Tx) -> Mapping[str, datetime]:
    """Return when chores last ran to their end, by name."""
    return {chore: moment(ran) for chore, ran in _noted(tx, _CHORE)}


def add_jobs(tx: Tx, ended: Mapping[tuple[str, str], int]) -> None:
    """Add how often jobs ended, by name and outcome."""
    for (job, outcome), count in sorted(ended.items()):
        tx.execute(
            tx.dialect.add_up(counters, key="name", number="n"),
            {"name": f"{_JOB}{job} {outcome}", "n": count},
        )


def jobs_ended(tx: Tx) -> Mapping[tuple[str, str], int]:
    """Return how often jobs ended, by name and outcome."""
    noted = ((name.rpartition(" "), count) for name, count in _noted(tx, _JOB))
    return {(job, outcome): count for (job, _, outcome), count in noted}


def note_directory(tx: Tx, network: NetworkName, *, answers: bool) -> None:
    """Note whether the service answered without which nobody is found on a network."""
    _note(tx, f"{_DIRECTORY_AWAY}{network}", int(not answers))


def servers_away(tx: Tx, now: datetime) -> Mapping[str, int]:
    """Return by network how many servers do not answer: left alone for their failures, or a directory."""
    away = Counter(_left_alone(tx, now))
    away.update(network for network, silent in _noted(tx, _DIRECTORY_AWAY) if silent)
    return away


def _left_alone(tx: Tx, now: datetime) -> Mapping[str, int]:
    rows = tx.execute(
        select(hosts.c.network, func.count().label("servers"))
        .where(hosts.c.failures > 0, hosts.c.until > micros(now))
        .group_by(hosts.c.network)
    )
    return {row.network: row.servers for row in rows}


def sweeps_behind(tx: Tx) -> Mapping[str, int]:
    """Return how many arrivals each sweep has not seen."""
    reached = {row.name: row.n for row in tx.execute(select(counters.c.name, counters.c.n))}
    return {
        name: max(0, reached.get(sequence, 0) - reached.get(cursor, 0))
        for name, sequence, cursor in _SWEEPS
    }


def _note(tx: Tx, name: str, n: int) -> None:
    tx.execute(tx.dialect.upsert(counters, key=["name"], change=["n"]), {"name": name, "n": n})


def _noted(tx: Tx, prefix: str) -> Iterator[tuple[str, int]]:
    """Return what was noted under a prefix, by the rest of its name."""
    rows = tx.execute(select(counters).where(counters.c.name.startswith(prefix)))
    for row in rows:
        yield row.name.removeprefix(prefix), row.n
