"""Servers as all our users meet them: one that does not answer is left alone, and asked by one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, select, update

from openportability.clock import micros, moment
from openportability.db.dialect import Dialect
from openportability.db.engine import Tx
from openportability.db.schema import hosts, lanes
from openportability.domain import AccountId, NetworkName
from openportability.reconnection.rules import backoff

#: So many failures in a row, of whomever, and nobody there is served for a while.
_TOO_MANY = 3
_LONGEST = timedelta(minutes=5)
#: Stands for all servers of a network, when an operator pauses it.
WHOLE_NETWORK = ""
#: While one asks whether a server is back, the others wait.
_PROBE = timedelta(seconds=30)
#: A lane, and what is known of its server or said of its whole network.
_SERVES = and_(
    hosts.c.network == lanes.c.network, hosts.c.instance.in_([lanes.c.instance, WHOLE_NETWORK])
)


@dataclass(frozen=True, kw_only=True)
class Host:
    """A server: failures in a row, and until when it is left alone."""

    failures: int = 0
    until: datetime | None = None

    @property
    def doubtful(self) -> bool:
        """Say whether it failed so often that one alone is to ask whether it is back."""
        return self.failures >= _TOO_MANY

    def answers(self, now: datetime) -> bool:
        """Say whether it may be asked now."""
        return self.until is None or self.until <= now


@dataclass(frozen=True, kw_only=True)
class Rest:
    """A server, or a whole network, that is left alone."""

    network: NetworkName
    #: `WHOLE_NETWORK`: all of them.
    instance: str
    #: In a row; 0 where the server asked for it, or we paused it.
    failures: int
    until: datetime


def rests(tx: Tx, now: datetime) -> list[Rest]:
    """Return who is left alone now, longest first."""
    rows = tx.execute(
        select(hosts).where(hosts.c.until > micros(now)).order_by(hosts.c.until.desc())
    )
    return [
        Rest(
            network=NetworkName(row.network),
            instance=row.instance,
            failures=row.failures,
            until=moment(row.until),
        )
        for row in rows
    ]


def forgive(tx: Tx) -> None:
    """Let servers that failed be asked again now. What they asked for themselves stands."""
    tx.execute(update(hosts).where(hosts.c.failures > 0).values(failures=0, until=None))


def of_lanes(tx: Tx, accounts: Sequence[AccountId]) -> dict[AccountId, Host]:
    """Return what is known of the servers of lanes; most are never written down."""
    rows = tx.execute(_of_lanes(tx.dialect), {"accounts": accounts})
    return {
        AccountId(row.account_id): Host(
            failures=row.failures, until=None if row.until is None else moment(row.until)
        )
        for row in rows
    }


@cache
def _of_lanes(dialect: Dialect) -> Select[Any]:
    return (
        select(
            lanes.c.account_id,
            func.max(hosts.c.failures).label("failures"),
            func.max(hosts.c.until).label("until"),
        )
        .join(hosts, _SERVES)
        .where(dialect.among_given(lanes.c.account_id, "accounts"))
        .group_by(lanes.c.account_id)
    )


def left_alone(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a lane's server is to be left alone."""
    return exists().where(_SERVES, hosts.c.until > micros(now))


def probe(tx: Tx, network: NetworkName, instance: str, now: datetime) -> None:
    """Let nobody else ask a server that failed often, until we know more."""
    tx.execute(
        update(hosts)
        .where(_is(network, instance), hosts.c.failures >= _TOO_MANY)
        .values(until=micros(now + _PROBE))
    )


def failed(tx: Tx, network: NetworkName, instance: str, before: int, now: datetime) -> None:
    """Count a failure. Those who asked at the same time tell of one and the same outage."""
    _add(tx, network, instance)
    failures = before + 1
    until = micros(now + min(backoff(failures), _LONGEST)) if failures >= _TOO_MANY else None
    asked = case((hosts.c.until > micros(now + _LONGEST), hosts.c.until), else_=until)
    tx.execute(
        update(hosts)
        .where(_is(network, instance), hosts.c.failures == before)
        .values(failures=failures, until=asked)
    )


def rest(tx: Tx, network: NetworkName, instance: str, until: datetime) -> None:
    """Leave a server alone until then, or longer if that is known already."""
    _add(tx, network, instance)
    longer = case((hosts.c.until > micros(until), hosts.c.until), else_=micros(until))
    tx.execute(update(hosts).where(_is(network, instance)).values(until=longer))


def pause(tx: Tx, network: NetworkName, instance: str, until: datetime) -> None:
    """Leave a server, or the `WHOLE_NETWORK`, alone until then and no longer."""
    _add(tx, network, instance)
    tx.execute(update(hosts).where(_is(network, instance)).values(until=micros(until)))


def answered(tx: Tx, network: NetworkName, instance: str, now: datetime) -> None:
    """Forget failures, and the wait of the others; but not a rest that the server asked for."""
    asked = case((hosts.c.until > micros(now + _PROBE), hosts.c.until))
    tx.execute(update(hosts).where(_is(network, instance)).values(failures=0, until=asked))


def _add(tx: Tx, network: NetworkName, instance: str) -> None:
    tx.execute(
        tx.dialect.insert_missing(hosts, key=["network", "instance"]),
        [{"network": network, "instance": instance, "failures": 0}],
    )


def _is(network: NetworkName, instance: str) -> ColumnElement[bool]:
    return and_(hosts.c.network == network, hosts.c.instance == instance)
