"""The matcher as anybody would write it first: sets in memory, everything asked again each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from openportability.domain import Account, AccountId, Found, Kind, Proof, UserId

Pair = tuple[UserId, UserId]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What somebody is shown of somebody else."""

    sources: frozenset[AccountId]
    accounts: frozenset[AccountId]
    proof: Proof
    i_follow: bool
    they_list_me: bool
    they_follow: bool
    dismissed: bool
    arrived: bool


@dataclass
class World:
    """Who is here, what they brought, and what each has been offered so far."""

    found: dict[UserId, Found] = field(default_factory=dict)
    accounts: dict[AccountId, Account] = field(default_factory=dict)
    lists: dict[tuple[AccountId, Kind], frozenset[int]] = field(default_factory=dict)
    offered: set[tuple[UserId, AccountId]] = field(default_factory=set)
    arrived: set[tuple[UserId, AccountId]] = field(default_factory=set)
    dismissed: set[tuple[UserId, AccountId]] = field(default_factory=set)

    def accounts_of(self, user: UserId) -> list[Account]:
        return [account for account in self.accounts.values() if account.user == user]

    def listed(self, user: UserId, kind: Kind, account: Account) -> set[AccountId]:
        """Return to which of a user's accounts a list belongs that holds this account."""
        return {
            mine.id
            for mine in self.accounts_of(user)
            if mine.actor.network == account.actor.network
            and int(account.actor.id) in self.lists.get((mine.id, kind), ())
        }

    def they_say(self, me: UserId, theirs: Account, kind: Kind, *, proved: bool) -> bool:
        """Say whether this account's list holds an account of mine."""
        return any(
            theirs.id in self.listed(theirs.user, kind, mine)
            for mine in self.accounts_of(me)
            if mine.proof is Proof.PROVED or not proved
        )

    def through(self, me: UserId, them: UserId) -> list[Account]:
        """Return the accounts through which I may see somebody."""
        theirs = self.accounts_of(them)
        if self._avoids(me, them):
            return []
        return [
            account
            for account in theirs
            if self._may_see(me, account) and not self._stands_behind(me, account)
        ]

    def _stands_behind(self, me: UserId, claim: Account) -> bool:
        """Say whether I see somebody else who is this actor by proof, or claimed it before."""
        return claim.proof is Proof.CLAIMED and any(
            (one.actor.network, one.actor.id) == (claim.actor.network, claim.actor.id)
            and one.user not in (me, claim.user)
            and (one.proof is Proof.PROVED or one.id < claim.id)
            and not self._avoids(me, one.user)
            and self._may_see(me, one)
            for one in self.accounts.values()
        )

    def _avoids(self, me: UserId, them: UserId) -> bool:
        return any(
            self.listed(me, kind, account)
            for kind in (Kind.BLOCKED, Kind.MUTED)
            for account in self.accounts_of(them)
        )

    def _may_see(self, me: UserId, account: Account) -> bool:
        follow = bool(self.listed(me, Kind.FOLLOWING, account))
        they_list = self.they_say(me, account, Kind.FOLLOWERS, proved=False)
        match self.found[account.user]:
            case Found.ANYONE:
                return follow or they_list
            case Found.CONFIRMED:
                return self.they_say(me, account, Kind.FOLLOWERS, proved=True)
            case Found.NOBODY:
                return False

    def happened(self, *causes: UserId) -> set[Pair]:
        """Look again after these users did something; return pairs both of whom did."""
        unclear = set()
        for me, them in self._pairs():
            through = self.through(me, them)
            offer = any(account.proof is Proof.PROVED for account in through)
            for account in self.accounts_of(them):
                place = (me, account.id)
                if offer and place not in self.offered:
                    self.offered.add(place)
                    if them in causes:
                        self.arrived.add(place)
                if not offer:
                    self.offered.discard(place)
                    self.arrived.discard(place)
            if me in causes and them in causes:
                unclear.add((me, them))
        return unclear

    def dismiss(self, me: UserId, them: UserId) -> None:
        """Put somebody aside who is shown to me, by all accounts that my set holds."""
        for account in self.accounts_of(them):
            kept = (me, account.id) in self.offered or self._knows(me, account)
            if self.through(me, them) and kept:
                self.dismissed.add((me, account.id))

    def restore(self, me: UserId, them: UserId) -> None:
        if self.through(me, them):
            for account in self.accounts_of(them):
                self.dismissed.discard((me, account.id))

    def _knows(self, me: UserId, account: Account) -> bool:
        return any(self.listed(me, kind, account) for kind in Kind) or any(
            self.they_say(me, account, kind, proved=False)
            for kind in (Kind.FOLLOWING, Kind.FOLLOWERS)
        )

    def sees(self, me: UserId) -> dict[UserId, Answer]:
        """Return all that a user is shown."""
        answers = {}
        for them in self.found:
            through = self.through(me, them) if them != me else []
            if through:
                answers[them] = self._answer(me, them, through)
        return answers

    def _answer(self, me: UserId, them: UserId, through: list[Account]) -> Answer:
        theirs = self.accounts_of(them)
        return Answer(
            sources=frozenset(account.id for account in through),
            accounts=frozenset(account.id for account in theirs),
            proof=max(account.proof for account in through),  # "proved" after "claimed"
            i_follow=any(self.listed(me, Kind.FOLLOWING, account) for account in through),
            they_list_me=any(
                self.they_say(me, account, Kind.FOLLOWERS, proved=False) for account in through
            ),
            they_follow=any(
                self.listed(me, Kind.FOLLOWERS, account)
                or self.they_say(me, account, Kind.FOLLOWING, proved=False)
                for account in through
            ),
            dismissed=any((me, account.id) in self.dismissed for account in theirs),
            arrived=any((me, account.id) in self.arrived for account in theirs),
        )

    def _pairs(self) -> Iterator[Pair]:
        for me in self.found:
            for them in self.found:
                if me != them:
                    yield me, them
