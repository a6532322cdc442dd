"""Make a plan and start it. Making it asks each network once whom the person follows now; nothing is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from openportability.accounts import grant_store
from openportability.accounts import store as accounts
from openportability.db.engine import Tx
from openportability.domain import (
    Account,
    AccountId,
    Actor,
    ActorId,
    Deed,
    NetworkName,
    Pace,
    Proof,
    UserId,
)
from openportability.errors import Conflict, NotFound
from openportability.jobs.port import Wake
from openportability.matching import service as matching
from openportability.matching.service import LeftOut, Selection
from openportability.reconnection import (
    forecasting,
    lane_store,
    plan_store,
    reach,
    reading,
    selected,
    store,
    successor_store,
)
from openportability.reconnection.lane import Lane
from openportability.reconnection.ledger import Known, New
from openportability.reconnection.plan import Forecast, Mine, Row, Verdict, absent, counts, decide
from openportability.reconnection.rules import Origin, State
from openportability.site import Site

#: Accounts of ours and of theirs.
Pair = tuple[AccountId, AccountId]
#: States from which a chosen follow becomes ready (again).
_CHOOSABLE = (
    *(State.PROPOSED, State.CANCELLED, State.UNDONE),
    *(State.FOLLOWED, State.ALREADY, State.GONE, State.REFUSED),
)

#: What a plan follows, and what it follows only if it is ticked.
_OFFERED = (Verdict.NEW, Verdict.BRIDGED)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan as it is shown."""

    id: int
    rows: tuple[Row, ...]
    counts: dict[NetworkName, dict[Verdict, int]]
    forecast: tuple[Forecast, ...]
    #: The same where copies could be followed too, with all of them.
    with_copies: tuple[Forecast, ...]
    #: Networks on which the person must still allow us to follow.
    to_allow: tuple[Account, ...]
    #: How many more the person may follow on a network, where the plan, copies included, has more than that.
    ceilings: dict[NetworkName, int]
    started: bool
    #: How many of those selected are not on a network.
    absent: Mapping[NetworkName, int]
    #: How many were passed over, by the person's own will.
    left_out: LeftOut

    def number(self, network: NetworkName, *verdicts: Verdict) -> int:
        """Return how many rows on a network have one of these verdicts."""
        return sum(self.counts.get(network, {}).get(one, 0) for one in verdicts)


def make_plan(
    site: Site, user: UserId, selection: Selection, networks: frozenset[NetworkName] | None
) -> Planned:
    """Decide for everyone a selection means, on these networks (None: all the person has)."""
    with site.db.read() as tx:
        matches = matching.chosen(tx, site, user, selection)
        mine = [
            account
            for account in followers(tx, site, user)
            if networks is None or account.actor.network in networks
        ]
        ledger = _ledger(tx, site, user)
        twins = reach.twins(tx, matches, [account.actor.network for account in mine])
        passed_over = matching.left_out(tx, site, user, selection)
    read = [_mine(account, reading.following(site, account)) for account in mine]
    rows = decide(matches, read, ledger, site.clock.now(), twins)
    if moved := _moved_since(site, user, rows, ledger):
        rows = decide(matches, read, {**ledger, **moved}, site.clock.now(), twins)
    not_there = absent(matches, read, twins)
    wanted = {row.account for row in rows if row.verdict in _OFFERED}
    left = {one.id: reading.room(site, one) for one in mine if one.id in wanted}
    rooms = {account: room.in_all for account, room in left.items() if room is not None}
    with site.db.write() as tx:
        key = accounts.personal_key(tx, site.vault, user)
        made = plan_store.put_plan(
            tx,
            key,
            user,
            rows=rows,
            rooms=rooms,
            selection=selected.packed(selection, networks),
            absent=not_there,
            left_out=passed_over,
            now=site.clock.now(),
        )
    with site.db.read() as tx:
        key = accounts.personal_key(tx, site.vault, user)
        kept = plan_store.plan(tx, key, user, made)
        assert kept is not None, "just made"
        return _shown(tx, site, user, kept)


def plan(tx: Tx, site: Site, user: UserId, plan_id: int) -> Planned:
    """Return a plan that was made before."""
    kept = _kept(tx, site, user, plan_id)
    return _shown(tx, site, user, kept)


def successors(tx: Tx, site: Site, user: UserId, rows: Sequence[Row]) -> dict[Row, Actor]:
    """Return who is followed in place of whom, as far as we know already: of others it is found out on the way."""
    key = accounts.personal_key(tx, site.vault, user)
    found = successor_store.successors(tx, key, user, sorted({row.whom for row in rows}))
    return {row: found[pair] for row in rows if (pair := (row.account, row.whom)) in found}


def followed(tx: Tx, site: Site, user: UserId, plan_id: int) -> int:
    """Return how many of a plan the person followed already, whoever did it."""
    kept = _kept(tx, site, user, plan_id)
    return sum(row.verdict in {Verdict.ALREADY, Verdict.DONE} for row in kept.rows)


def make_again(site: Site, user: UserId, plan_id: int) -> Planned:
    """Make the plan anew for what was selected: the world changed since."""
    with site.db.read() as tx:
        kept = _kept(tx, site, user, plan_id)
    return make_plan(site, user, *selected.unpacked(kept.selection))


def start(
    tx: Tx,
    site: Site,
    user: UserId,
    plan_id: int,
    *,
    bridged: Collection[NetworkName] = (),
) -> int:
    """Turn a plan into ready rows and open the lanes; return how many follows that are.

    On the networks in `bridged` also the copies of people who are not there are followed.
    Who arrived since is in the next plan. Raise `Conflict` when somebody the person was promised
    may no longer be followed for them: left, hidden, blocked, or unlinked.
    """
    kept = _kept(tx, site, user, plan_id)
    if kept.state is plan_store.PlanState.STARTED:
        return 0
    selection, networks = selected.unpacked(kept.selection)
    matches = matching.chosen(tx, site, user, selection)
    mine = [
        _mine(account, None)
        for account in followers(tx, site, user)
        if networks is None or account.actor.network in networks
    ]
    ledger = _ledger(tx, site, user)
    twins = reach.twins(tx, matches, [one.network for one in mine])
    today = {
        (row.account, row.whom): row.verdict
        for row in decide(matches, mine, ledger, site.clock.now(), twins)
    }
    promised = [row for row in kept.rows if row.verdict is Verdict.NEW]
    if any((row.account, row.whom) not in today for row in promised):
        raise Conflict("plan.stale")
    if not plan_store.start(tx, user, plan_id):
        return 0
    # What is on its way or done by now is not wanted again; what they follow by themselves is noted.
    # What the ledger said before the plan was made, the plan knew better: the network was asked.
    still = []
    for row in kept.rows:
        pair = row.account, row.whom
        overtaken = today.get(pair) is not Verdict.NEW
        if row.verdict is Verdict.NEW and overtaken and ledger[pair].at >= kept.at:
            continue
        chosen = {row.verdict, today.get(pair)} == {Verdict.BRIDGED} and row.network in bridged
        still.append(replace(row, verdict=Verdict.NEW) if chosen else row)
    return want(tx, site, user, still, origin=Origin.MANUAL, plan_id=plan_id)


def want(
    tx: Tx,
    site: Site,
    user: UserId,
    rows: Sequence[Row],
    *,
    origin: Origin,
    plan_id: int | None,
    state: State = State.READY,
    deed: Deed = Deed.FOLLOW,
) -> int:
    """Put decided rows into the ledger and wake the lanes; return how many follows (blocks, mutes) are new."""
    now = site.clock.now()
    key = accounts.personal_key(tx, site.vault, user)
    mine = accounts.accounts_by_id(tx, sorted({row.account for row in rows}))
    lane_store.open_lanes(tx, user, list(mine.values()))
    noted = _new(rows, Verdict.ALREADY, State.ALREADY, deed)
    store.want(tx, key, user, noted, origin=origin, plan=plan_id, now=now)
    wanted = _new(rows, Verdict.NEW, state, deed)
    added = store.want(tx, key, user, wanted, origin=origin, plan=plan_id, now=now)
    if added < len(wanted):
        chosen = [(row.account, row.whom) for row in rows if row.verdict is Verdict.NEW]
        for before in _CHOOSABLE if state is State.READY else (State.CANCELLED,):
            added += store.choose_again(
                tx, key, user, deed, chosen, before, state, now, origin=origin
            )
    if state is State.READY:
        if waiting := [(row.account, row.whom) for row in rows if row.verdict is Verdict.WAITING]:
            store.let_go_on(tx, key, user, deed, waiting)
        for account in mine:
            wake_lane(tx, site, account)
    return added


def _new(rows: Sequence[Row], verdict: Verdict, state: State, deed: Deed) -> list[New]:
    return [
        New(
            account=row.account,
            network=row.network,
            whom=row.whom,
            deed=deed,
            state=state,
            rank=row.rank,
        )
        for row in rows
        if row.verdict is verdict
    ]


def wake_lane(tx: Tx, site: Site, account: AccountId) -> None:
    """Make a lane due that is held, and tell the workers after the commit."""
    lane_store.wake(tx, account, site.clock.now())
    tx.after(lambda: site.engine.wake(Wake(job="serve-lane", key=str(account))))


def wake_lanes(tx: Tx, site: Site, lanes: Iterable[Lane]) -> None:
    """Do so with several."""
    for lane in lanes:
        wake_lane(tx, site, lane.account)


def followers(tx: Tx, site: Site, user: UserId) -> list[Account]:
    """Return the user's accounts that follow for them: the first proved one on each destination."""
    first: dict[NetworkName, Account] = {}
    for account in accounts.accounts_of(tx, user):
        network = site.networks.get(account.actor.network)
        if network and network.destination and account.proof is Proof.PROVED:
            first.setdefault(network.name, account)
    return list(first.values())


def to_allow(tx: Tx, site: Site, user: UserId) -> tuple[Account, ...]:
    """Return the accounts whose network the person must still ask to let us follow."""
    able = grant_store.may_follow(tx, user)
    return tuple(account for account in followers(tx, site, user) if account.id not in able)


def set_pace(tx: Tx, user: UserId, pace: Pace) -> None:
    """Choose how fast we follow for a person."""
    accounts.choose(tx, user, pace=pace)


def _shown(tx: Tx, site: Site, user: UserId, kept: plan_store.Plan) -> Planned:
    rows, rooms = kept.rows, kept.rooms
    started = kept.state is plan_store.PlanState.STARTED
    counted = counts(rows)
    new, copies = (
        {network: by.get(verdict, 0) for network, by in counted.items()} for verdict in _OFFERED
    )
    before = forecasting.on_their_way(tx, user)
    waiting = {
        network: sum(before.get(one, 0) for one in accounts_on) + (0 if started else new[network])
        for network, accounts_on in _by_network(rows).items()
    }
    in_all = (
        {} if started else {one: waiting[one] + count for one, count in copies.items() if count}
    )
    return Planned(
        id=kept.id,
        rows=rows,
        counts=counted,
        forecast=forecasting.forecast(
            tx, site, user, {one: count for one, count in waiting.items() if count}
        ),
        with_copies=forecasting.forecast(tx, site, user, in_all),
        to_allow=to_allow(tx, site, user),
        ceilings={
            row.network: rooms[row.account]
            for row in rows
            if row.account in rooms and rooms[row.account] < new[row.network] + copies[row.network]
        },
        started=started,
        absent=kept.absent,
        left_out=kept.left_out,
    )


def _by_network(rows: Sequence[Row]) -> dict[NetworkName, set[AccountId]]:
    """Return our accounts that rows are of."""
    found: dict[NetworkName, set[AccountId]] = {}
    for row in rows:
        found.setdefault(row.network, set()).add(row.account)
    return found


def _moved_since(
    site: Site, user: UserId, rows: Sequence[Row], ledger: Mapping[Pair, Known]
) -> dict[Pair, Known]:
    """Return what the ledger says of whom we follow at the place where they have moved, and not where they were."""
    made = (State.FOLLOWED, State.ALREADY)
    pairs = {(row.account, row.whom): row for row in rows if row.verdict in _OFFERED}
    missing = [row for pair, row in pairs.items() if pair in ledger and ledger[pair].state in made]
    if not missing:
        return {}
    with site.db.read() as tx:
        found = successors(tx, site, user, missing)
    return {
        pair: replace(ledger[pair], moved_to=found[row].id)
        for pair, row in pairs.items()
        if row in found
    }


def _ledger(tx: Tx, site: Site, user: UserId) -> dict[tuple[AccountId, AccountId], Known]:
    return store.known(tx, accounts.personal_key(tx, site.vault, user), user, Deed.FOLLOW)


def _kept(tx: Tx, site: Site, user: UserId, plan_id: int) -> plan_store.Plan:
    kept = plan_store.plan(tx, accounts.personal_key(tx, site.vault, user), user, plan_id)
    if kept is None:
        raise NotFound
    return kept


def _mine(account: Account, following: frozenset[ActorId] | None) -> Mine:
    return Mine(
        account=account.id,
        network=account.actor.network,
        actor_id=account.actor.id,
        following=following,
    )
