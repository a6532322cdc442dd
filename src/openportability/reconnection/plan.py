"""Matches + ledger + what the network says now → decisions, counts, forecast. Pure: nothing is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from openportability.domain import (
    Account,
    AccountId,
    ActorId,
    Match,
    NetworkName,
    Proof,
    UserId,
)
from openportability.matching.rules import rank
from openportability.reconnection.ledger import Known, Place
from openportability.reconnection.rules import State


class Verdict(StrEnum):
    """What would happen to one match on one network."""

    NEW = "new"  # we would follow them
    ALREADY = "already"  # you follow them there
    PENDING = "pending"  # asked; they must approve
    WAITING = "waiting"  # already chosen; our worker comes to it
    HANDED = "handed"  # in the file that you import yourself
    DONE = "done"  # we followed them for you before
    REFUSED = "refused"  # the network said no; can be tried again by hand
    GONE = "gone"  # deleted, suspended or left
    BRIDGED = "bridged"  # not there themselves; the copy that a bridge keeps could be followed


#: What the ledger says of a match that it holds already. The rest may be tried (again).
_FROM_LEDGER: Mapping[State, Verdict] = {
    State.READY: Verdict.WAITING,
    State.HANDED: Verdict.HANDED,
    State.REQUESTED: Verdict.PENDING,
    State.FOLLOWED: Verdict.DONE,
    State.ALREADY: Verdict.ALREADY,
    State.UNDOING: Verdict.WAITING,
    State.REFUSED: Verdict.REFUSED,
    State.GONE: Verdict.GONE,
}


#: What a network lists of one's follows may be older than what it answered to a follow.
_LISTS_LAG = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Mine:
    """An account of ours that would follow, with what is known about whom it follows."""

    account: AccountId
    network: NetworkName
    actor_id: ActorId
    #: Whom it follows now; None: not read, the slice that serves it will look.
    following: frozenset[ActorId] | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A decision: `account` of ours and `whom` of theirs."""

    account: AccountId
    whom: AccountId
    network: NetworkName
    verdict: Verdict
    rank: int

    @property
    def place(self) -> Place:
        """Return where whom would be followed."""
        return self.network, self.whom


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a network will take: calls, and when the last follow is made."""

    network: NetworkName
    calls: int
    finishes_at: datetime


def decide(
    matches: Iterable[Match],
    mine: Sequence[Mine],
    ledger: Mapping[tuple[AccountId, AccountId], Known],
    now: datetime,
    twins: Mapping[tuple[UserId, NetworkName], Sequence[Account]],
) -> list[Row]:
    """Decide for each match and each network where both are, or where the match has a copy (`twins`) alone.

    Of a copy that is the account it is of, with the copy's actor. It is followed only if the person says so.
    """
    return [
        Row(
            account=own.account,
            whom=account.id,
            network=own.network,
            verdict=_verdict(own, account, ledger.get((own.account, account.id)), now, fresh),
            rank=rank(match.evidence),
        )
        for match in matches
        for own in mine
        for account, fresh in _places(match, own, twins)
        if account.actor.id != own.actor_id
    ]


def _places(
    match: Match, own: Mine, twins: Mapping[tuple[UserId, NetworkName], Sequence[Account]]
) -> list[tuple[Account, Verdict]]:
    """Return where a match can be followed on a network, and what would happen if nothing has yet.

    Only where they proved to be: a file may claim anybody's account for them, and would send all who knew them there.
    """
    native = [
        account
        for account in match.accounts
        if account.actor.network == own.network and account.proof is Proof.PROVED
    ]
    if native:
        return [(account, Verdict.NEW) for account in native]
    return [(account, Verdict.BRIDGED) for account in twins.get((match.user, own.network), ())]


def counts(rows: Iterable[Row]) -> dict[NetworkName, dict[Verdict, int]]:
    """Count decisions by network."""
    found: dict[NetworkName, Counter[Verdict]] = {}
    for row in rows:
        found.setdefault(row.network, Counter())[row.verdict] += 1
    return {network: dict(counted) for network, counted in found.items()}


def absent(
    matches: Iterable[Match],
    mine: Sequence[Mine],
    twins: Mapping[tuple[UserId, NetworkName], Sequence[Account]],
) -> dict[NetworkName, int]:
    """Count by network those matches that are not there, nor a copy of them."""
    some = list(matches)
    found = {own.network: sum(not _places(match, own, twins) for match in some) for own in mine}
    return {network: count for network, count in found.items() if count}


def _verdict(
    own: Mine, whom: Account, known: Known | None, now: datetime, fresh: Verdict
) -> Verdict:
    if known is not None and known.state in _FROM_LEDGER and not _past(own, whom, known, now):
        return _FROM_LEDGER[known.state]
    if own.following is not None and whom.actor.id in own.following:
        return Verdict.ALREADY
    return fresh


def _past(own: Mine, whom: Account, known: Known, now: datetime) -> bool:
    """Say whether the world went on: unfollowed by hand, or here again who was gone."""
    match known.state:
        case State.FOLLOWED | State.ALREADY:
            told = own.following is not None and known.at < now - _LISTS_LAG
            return told and (known.moved_to or whom.actor.id) not in (own.following or ())
        case State.GONE:
            return whom.actor.seen_at > known.at
        case _:
            return False
