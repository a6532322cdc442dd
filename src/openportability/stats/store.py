"""Totals of the whole site, a row for each day and count. None of them is anybody's."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

from sqlalchemy import bindparam, func, select

from openportability.db.engine import Tx
from openportability.db.schema import accounts, follow_lists, reconnections, users
from openportability.db.site_schema import daily_totals
from openportability.domain import Deed, Kind
from openportability.stats.rules import Counts, Day

#: Follows that stand because of us.
_RESTORED = ("followed",)


def count_now(tx: Tx) -> Counts:
    """Count people, accounts by network, links brought and links restored. Reads whole tables."""
    by_network = select(accounts.c.network, func.count().label("accounts")).group_by(
        accounts.c.network
    )
    brought = select(func.coalesce(func.sum(follow_lists.c.n), 0)).where(
        follow_lists.c.kind == Kind.FOLLOWING
    )
    restored = (
        select(func.count())
        .select_from(reconnections)
        .where(reconnections.c.state.in_(_RESTORED), reconnections.c.deed == Deed.FOLLOW)
    )
    return {
        "people": tx.execute(select(func.count()).select_from(users)).scalar_one(),
        "links": tx.execute(brought).scalar_one(),
        "restored": tx.execute(restored).scalar_one(),
        **{f"accounts.{row.network}": row.accounts for row in tx.execute(by_network)},
    }


def put(tx: Tx, day: date, counts: Counts) -> None:
    """Keep the counts of a day, instead of earlier ones of the same day."""
    rows = [{"day": day.toordinal(), "name": name, "n": n} for name, n in counts.items()]
    tx.execute(tx.dialect.upsert(daily_totals, key=["day", "name"], change=["n"]), rows)


_DAYS = (
    select(daily_totals)
    .where(daily_totals.c.day >= bindparam("since"))
    .order_by(daily_totals.c.day)
)


def days(tx: Tx, since: date) -> list[Day]:
    """Return the totals of each day from then on, the earliest first."""
    found: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for row in tx.execute(_DAYS, {"since": since.toordinal()}):
        found[row.day][row.name] = row.n
    return [Day(day=date.fromordinal(day), counts=counts) for day, counts in found.items()]
