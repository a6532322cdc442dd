"""Servers as all our users meet them: one that does not answer is left alone, and asked by one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, exists, or_, select, update

from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.db.schema import hosts, lanes
from openportability.domain import NetworkName
from openportability.reconnection.rules import backoff

#: So many failures in a row, of whomever, and nobody there is served for a while.
_TOO_MANY = 3
_LONGEST = timedelta(minutes=5)
#: Stands for all servers of a network, when an operator pauses it.
WHOLE_NETWORK = ""
#: While one asks whether a server is back, the others wait.
_PROBE = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Host:
    """A server: failures in a row, and until when it is left alone."""

    failures: int = 0
    until: datetime | None = None

    def answers(self, now: datetime) -> bool:
        """Say whether it may be asked now."""
        return self.until is None or self.until <= now


def host(tx: Tx, network: NetworkName, instance: str) -> Host:
    """Return what is known of a server; most are never written down."""
    row = tx.execute(select(hosts.c.failures, hosts.c.until).where(_is(network, instance))).first()
    if row is None:
        return Host()
    return Host(failures=row.failures, until=None if row.until is None else moment(row.until))


def left_alone(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a lane's server is to be left alone."""
    late = and_(hosts.c.network == lanes.c.network, hosts.c.until > micros(now))
    return or_(
        exists().where(late, hosts.c.instance == lanes.c.instance),
        exists().where(late, hosts.c.instance == WHOLE_NETWORK),
    )


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
