"""Random lives: whatever people do, in whatever order, they are shown what the slow matcher says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest
from sqlalchemy import delete

from openportability.accounts import rules
from openportability.accounts import store as account_store
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.db.engine import Database, Tx
from openportability.db.schema import METADATA
from openportability.domain import Account, AccountId, Found, Key, Kind, NetworkName, Proof, UserId
from openportability.errors import Conflict, Invalid
from openportability.graph import store as lists
from openportability.matching import service as matching
from openportability.privacy import service as privacy
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD
from tests.matching.reference import Answer, Pair, World
from tests.merging.together import bring_together

NETWORKS = (OLD, NEW)
#: So many ids there are on each network of a world.
NUMBERS = 6
PEOPLE = range(3, 6)
PRIVATE_FIRST = [Found.NOBODY, Found.CONFIRMED, Found.ANYONE]
Event = Callable[[], tuple[UserId, ...]]
#: Who is shown whom, and how.
Shown = dict[UserId, dict[UserId, Answer]]


class Life:
    """A world on a site and in the reference, living through the same events.

    It may have the site for itself, or share it with others who have other numbers:
    `begin` and `step` are for all of them.
    """

    def __init__(self, site: Site, chance: Random, *, first: int = 1) -> None:
        self.site = site
        self.world = World()
        self.numbers = range(first, first + NUMBERS)
        self.chance = chance
        self.told: list[str] = []
        #: Pairs one of whose accounts has arrived, nobody can say which.
        self.unsure: set[Pair] = set()
        #: What the last event was about: who did something, who was linked before, and into whom somebody merged.
        self.causes: tuple[UserId, ...] = ()
        self.before: dict[AccountId, Account] = {}
        self.joined: UserId | None = None
        #: How often the two were compared, and how often somebody merged into another.
        self.compared = self.merges = 0

    def begin(self, tx: Tx) -> None:
        """Let some people be here who come in one moment, with their lists."""
        now = self.site.clock.now()
        for _ in range(self.chance.choice(PEOPLE)):
            user = account_store.create_user(tx, self.site.vault, "en", now)
            self.world.found[user] = found = self._choice()
            consent.choose(tx, self.site, user, Choice.FOUND, found, locale="en", how="test")
            for network in self.chance.sample(NETWORKS, self.chance.choice((1, 2))):
                self._settle(tx, user, network)
        self.causes = tuple(self.world.found)
        self.told.append(f"begin {self.world}")

    def _settle(self, tx: Tx, user: UserId, network: NetworkName) -> None:
        here = {(a.actor.network, int(a.actor.id)) for a in self.world.accounts.values()}
        number = self.chance.choice([one for one in self.numbers if (network, one) not in here])
        actor = cast.actor_of(network, number)
        account = account_store.add_account(tx, user, actor, Key(number), Proof.PROVED)
        self.world.accounts[account.id] = account
        brought = self._lists()
        cast.put_lists(tx, self.site, account, brought)
        for kind, numbers in brought.items():
            self.world.lists[account.id, kind] = numbers

    def act(self) -> None:
        """Let one thing happen."""
        often = self.events()
        self.before = self.world.accounts
        self.causes, self.joined = (), None
        while not self.causes:
            (event,) = self.chance.choices(list(often), list(often.values()))
            self.causes = event()

    def notice(self) -> None:
        """Let the reference see what the site has seen meanwhile, and compare."""
        unclear = self.world.happened(*self.causes)
        gone = {one.user for one in self.before.values() if one.id not in self.world.accounts}
        unclear |= {
            pair for pair in self.unsure if pair[1] in gone and set(pair) <= set(self.world.found)
        }
        if self.joined is not None:
            for them in self.world.found.keys() - {self.joined}:
                unclear |= {(self.joined, them), (them, self.joined)}
        shown = self.shown()
        for me, them in unclear:
            self._believe(me, them, shown[me].get(them))
        self.compare(shown)

    def events(self) -> dict[Event, int]:
        """Return what may happen, and how often."""
        return {
            self.join: 8,
            self.bring: 10,
            self.be_found: 3,
            self.unlink: 2,
            self.leave: 1,
            self.set_dismissed: 1,
            self.merge: 5,
        }

    def shown(self) -> Shown:
        """Return what the site shows to each."""
        with self.site.db.read() as tx:
            return {user: shown_to(tx, self.site, user) for user in self.world.found}

    def compare(self, shown: Shown) -> None:
        """Let the reference say the same of each."""
        self.compared += 1
        for user in self.world.found:
            assert shown[user] == self.world.sees(user), (user, self.told)

    # --- events: each returns who did something -------------------------------------------------

    def join(self) -> tuple[UserId, ...]:
        network, number = self.chance.choice(NETWORKS), self.chance.choice(self.numbers)
        proof = self.chance.choice(list(Proof))
        new = len(self.world.found) < PEOPLE[-1] and self.chance.random() < 0.6
        user = None if new or not self.world.found else self.chance.choice([*self.world.found])
        if user is None and len(self.world.found) >= PEOPLE[-1]:
            return ()
        if user is None and proof is Proof.CLAIMED:
            return ()  # a claim is made by somebody who is signed in
        found = self._choice() if user is None else None
        try:
            account = cast.join(self.site, network, number, user=user, found=found, proof=proof)
        except (Conflict, Invalid):
            return ()
        before = set(self.world.found)
        self.told.append(f"join {network} {number} as {account.user}, {account.proof}, {found}")
        if account.user not in before and found is not None:
            self.world.found[account.user] = found
        elif user is None and found is not None:
            self.world.found[account.user] = found  # back, and chose again
        lost = self._catch_up()
        return account.user, *lost

    def bring(self) -> tuple[UserId, ...]:
        account = self.somebodys_account()
        if account is None:
            return ()
        network = account.actor.network
        mine = self.world.accounts_of(account.user)
        first = next(one for one in mine if one.actor.network == network)
        brought = self._lists()
        cast.bring(
            self.site,
            account.user,
            network,
            following=brought.get(Kind.FOLLOWING),
            followers=brought.get(Kind.FOLLOWERS),
            blocked=brought.get(Kind.BLOCKED),
            muted=brought.get(Kind.MUTED),
            woken=self.chance.random() < 0.7,
        )
        self.told.append(f"bring {first.user} {network} {brought}")
        for kind, numbers in brought.items():
            self.world.lists[first.id, kind] = numbers
        return (account.user,)

    def be_found(self) -> tuple[UserId, ...]:
        if not self.world.found:
            return ()
        user, found = self.chance.choice(list(self.world.found)), self._choice()
        cast.be_found(self.site, user, found)
        self.told.append(f"be found {user} {found}")
        self.world.found[user] = found
        return (user,)

    def unlink(self) -> tuple[UserId, ...]:
        account = self.somebodys_account()
        if account is None:
            return ()
        try:
            cast.unlink(self.site, account)
        except Conflict:
            return ()
        self.told.append(f"unlink {account.actor.network} {account.actor.id} of {account.user}")
        self._catch_up()
        return (account.user,)

    def leave(self) -> tuple[UserId, ...]:
        if not self.world.found:
            return ()
        user = self.chance.choice([*self.world.found])
        privacy.leave(self.site, user)
        self.told.append(f"leave {user}")
        del self.world.found[user]
        self._catch_up()
        return (user,)

    def set_dismissed(self) -> tuple[UserId, ...]:
        if len(self.world.found) < 2:
            return ()
        me, them = self.chance.sample(list(self.world.found), 2)
        dismissed = self.chance.random() < 0.7
        with self.site.db.write() as tx:
            matching.set_dismissed(tx, self.site, me, [them], dismissed=dismissed)
        self.told.append(f"dismiss {me} {them} {dismissed}")
        (self.world.dismiss if dismissed else self.world.restore)(me, them)
        return (me,)

    def merge(self) -> tuple[UserId, ...]:
        user, proved = self.somebody(), self.somebodys_account()
        if user is None or proved is None or proved.user == user or proved.proof is Proof.CLAIMED:
            return ()
        with pytest.raises(rules.Taken) as taken:
            cast.join(self.site, proved.actor.network, int(proved.actor.id), user=user)
        other = taken.value.holder.user
        bring_together(self.site, user, taken.value.holder)
        self.merges += 1
        self.joined = user
        self.told.append(f"merge {other} into {user}")
        self.merged(user, other)
        return (user,)

    # --- keeping up ------------------------------------------------------------------------------

    def merged(self, user: UserId, other: UserId) -> None:
        """Let two be one in the reference too."""
        world = self.world
        world.found[user] = min(world.found[user], world.found.pop(other), key=PRIVATE_FIRST.index)
        for lost, kept in self._doubles(user, other):
            for kind in Kind:
                if (lost, kind) in world.lists:
                    numbers = world.lists.pop((lost, kind))
                    # Whichever was brought last: its numbers are what stands there now.
                    newer = self._kept_list(user, kept, kind)
                    assert newer in (set(numbers), set(world.lists.get((kept, kind), ())))
                    world.lists[kept, kind] = frozenset(newer)
        self._catch_up()
        own = {account.id for account in world.accounts_of(user)}
        for marks in (world.offered, world.arrived, world.dismissed):
            for me, account in list(marks):
                if me == other:
                    marks.discard((me, account))
                    marks.add((user, account))
            marks -= {(user, account) for account in own}

    def _doubles(self, user: UserId, other: UserId) -> list[tuple[AccountId, AccountId]]:
        def by_actor(one: UserId) -> dict[tuple[str, str], Account]:
            return {(a.actor.network, a.actor.id): a for a in self.world.accounts_of(one)}

        mine, theirs = by_actor(user), by_actor(other)
        return [
            (theirs[actor].id, mine[actor].id)
            if theirs[actor].proof is Proof.CLAIMED
            else (mine[actor].id, theirs[actor].id)
            for actor in mine.keys() & theirs.keys()
        ]

    def _kept_list(self, user: UserId, account: AccountId, kind: Kind) -> set[int]:
        with self.site.db.read() as tx:
            key = account_store.personal_key(tx, self.site.vault, user)
            keys = lists.open_list(tx, key, user, account, kind)
        assert keys is not None
        return set(keys.tolist())

    def somebody(self) -> UserId | None:
        return self.chance.choice([*self.world.found]) if self.world.found else None

    def _lists(self) -> dict[Kind, frozenset[int]]:
        brought: dict[Kind, frozenset[int]] = {}
        for kind in Kind:
            often = kind in (Kind.FOLLOWING, Kind.FOLLOWERS)
            if self.chance.random() < (0.6 if often else 0.1):
                count = self.chance.randint(0, len(self.numbers) if often else 2)
                brought[kind] = frozenset(self.chance.sample(self.numbers, count))
        return brought

    def _choice(self) -> Found:
        (found,) = self.chance.choices([Found.ANYONE, Found.CONFIRMED, Found.NOBODY], [6, 2, 1])
        return found

    def somebodys_account(self) -> Account | None:
        everyone = list(self.world.accounts.values())
        return self.chance.choice(everyone) if everyone else None

    def _catch_up(self) -> list[UserId]:
        """Take over who is linked now; return who lost an account."""
        with self.site.db.read() as tx:
            now = account_store.accounts_of_all(tx, list(self.world.found))
        before = self.world.accounts
        self.world.accounts = {account.id: account for account in now}
        gone = before.keys() - self.world.accounts.keys()
        for account, kind in list(self.world.lists):
            if account in gone:
                del self.world.lists[account, kind]
        return [before[account].user for account in gone]

    def _believe(self, me: UserId, them: UserId, match: Answer | None) -> None:
        """Where both did something in one moment, nobody can say who came to whom."""
        self.unsure.add((me, them))
        for account in self.world.accounts_of(them):
            place = (me, account.id)
            self.world.arrived.discard(place)
            if match is not None and match.arrived and place in self.world.offered:
                self.world.arrived.add(place)


def begin(lives: Sequence[Life]) -> None:
    """Let the worlds that share a site begin, let the site notice, and compare each."""
    site = lives[0].site
    with site.db.write() as tx:
        for life in lives:
            life.begin(tx)
    _go_on(lives)


def step(lives: Sequence[Life]) -> None:
    """Let one thing happen in each, let the site notice, and compare each."""
    for life in lives:
        life.act()
    _go_on(lives)


def _go_on(lives: Sequence[Life]) -> None:
    lives[0].site.engine.turn()
    for life in lives:
        life.notice()


def shown_to(tx: Tx, site: Site, user: UserId) -> dict[UserId, Answer]:
    return {
        match.user: Answer(
            sources=frozenset(account.id for account in match.sources),
            accounts=frozenset(account.id for account in match.accounts),
            proof=match.proof,
            i_follow=match.evidence.i_follow,
            they_list_me=match.evidence.they_list_me,
            they_follow=match.evidence.they_follow,
            dismissed=match.dismissed,
            arrived=match.arrived,
        )
        for match in matching.matches_of(tx, site, user)
    }


def wipe(db: Database) -> None:
    with db.write() as tx:
        for table in reversed(METADATA.sorted_tables):
            tx.execute(delete(table))
