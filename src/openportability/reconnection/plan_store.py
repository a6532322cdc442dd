"""Plans, in and out: the decisions a person looked at, sealed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import bindparam, delete, insert, select, update

from openportability.clock import micros, moment
from openportability.db.engine import Tx
from openportability.db.schema import plans
from openportability.domain import AccountId, NetworkName, UserId
from openportability.matching.service import LeftOut
from openportability.reconnection.plan import Row, Verdict
from openportability.vault import PersonalKey

#: A plan nobody started is forgotten after.
_KEPT = timedelta(days=7)


class PlanState(StrEnum):
    """Whether a plan was started."""

    OPEN = "open"
    STARTED = "started"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A dry run that a person can start."""

    id: int
    state: PlanState
    rows: tuple[Row, ...]
    #: How many more an account could follow when it was made, where its network tells.
    rooms: Mapping[AccountId, int]
    #: The selection it was made for, as the caller keeps it.
    selection: str
    at: datetime
    absent: Mapping[NetworkName, int]
    left_out: LeftOut


_PUT = insert(plans).returning(plans.c.id)


def put_plan(
    tx: Tx,
    key: PersonalKey,
    user: UserId,
    *,
    rows: Sequence[Row],
    rooms: Mapping[AccountId, int],
    selection: str,
    absent: Mapping[NetworkName, int],
    left_out: LeftOut,
    now: datetime,
) -> int:
    """Keep a plan and return its id."""
    form = {
        "selection": selection,
        "rooms": list(rooms.items()),
        "absent": dict(absent),
        "left_out": [left_out.aside, left_out.avoided],
        "rows": [[row.account, row.whom, row.network, row.verdict, row.rank] for row in rows],
    }
    made: int = tx.execute(
        _PUT,
        {
            "user_id": user,
            "sealed": key.seal(json.dumps(form).encode(), _place(user)),
            "state": PlanState.OPEN,
            "at": micros(now),
            "expires_at": micros(now + _KEPT),
        },
    ).scalar_one()
    return made


_IS_PLAN = plans.c.user_id == bindparam("user"), plans.c.id == bindparam("plan")
_PLAN = select(plans).where(*_IS_PLAN)
_START = (
    update(plans).where(*_IS_PLAN, plans.c.state == PlanState.OPEN).values(state=PlanState.STARTED)
)


def plan(tx: Tx, key: PersonalKey, user: UserId, plan_id: int) -> Plan | None:
    """Return a user's plan, or None."""
    row = tx.execute(_PLAN, {"user": user, "plan": plan_id}).one_or_none()
    if row is None:
        return None
    form = json.loads(key.open(row.sealed, _place(user)))
    aside, avoided = form.get("left_out", (0, 0))  # plans made before they were told
    return Plan(
        id=row.id,
        state=PlanState(row.state),
        rows=tuple(
            Row(
                account=AccountId(account),
                whom=AccountId(whom),
                network=NetworkName(network),
                verdict=Verdict(verdict),
                rank=rank,
            )
            for account, whom, network, verdict, rank in form["rows"]
        ),
        rooms={AccountId(account): room for account, room in form["rooms"]},
        selection=form["selection"],
        at=moment(row.at),
        absent={NetworkName(name): count for name, count in form.get("absent", {}).items()},
        left_out=LeftOut(aside=aside, avoided=avoided),
    )


def start(tx: Tx, user: UserId, plan_id: int) -> bool:
    """Note that a plan is started; say whether it was not before."""
    return tx.execute(_START, {"user": user, "plan": plan_id}).rowcount == 1


def drop_plans(tx: Tx, user: UserId) -> None:
    """Forget a user's plans: the accounts they speak of are changing."""
    tx.execute(delete(plans).where(plans.c.user_id == user))


def drop_expired(tx: Tx, now: datetime) -> None:
    """Forget plans that nobody started in time."""
    tx.execute(delete(plans).where(plans.c.expires_at <= micros(now)))


def _place(user: UserId) -> str:
    return f"plans:{user}"
