"""Random lives: whatever people do, in whatever order, they are shown what the slow matcher says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from openportability.accounts import store as account_store
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import METADATA, counters, match_sets
from openportability.domain import Account, Found, Kind, Proof, UserId
from openportability.errors import Conflict, Invalid
from openportability.matching import segments
from openportability.matching import service as matching
from openportability.privacy import service as privacy
from openportability.site import Site
from tests import cast
from tests.cast import NEW, OLD
from tests.examples import few
from tests.matching.reference import Answer, World

NETWORKS = (OLD, NEW)
NUMBERS = range(1, 7)
PEOPLE_AT_MOST = 5
Event = Callable[[], tuple[UserId, ...]]
#: So many events a life begins with, until there is somebody to meet.
START = 10


class Life:
    """A site and the reference, living through the same events."""

    def __init__(self, site: Site, chance: Random) -> None:
        self.site = site
        self.world = World()
        self.chance = chance
        self.told: list[str] = []
        #: Pairs one of whose accounts has arrived, nobody can say which.
        self.unsure: set[tuple[UserId, UserId]] = set()

    def step(self) -> None:
        """Let one thing happen, let the site notice, and compare."""
        often = self.events()
        if len(self.told) <= START:
            often = {self.join: 3, self.bring: 2}
        (event,) = self.chance.choices(list(often), list(often.values()))
        before = self.world.accounts
        causes = event()
        if not causes:
            return
        self.site.engine.turn()
        unclear = self.world.happened(*causes)
        gone = {one.user for one in before.values() if one.id not in self.world.accounts}
        unclear |= {
            pair for pair in self.unsure if pair[1] in gone and set(pair) <= set(self.world.found)
        }
        for pair in unclear:
            self._believe(*pair)
        self.compare()

    def events(self) -> dict[Event, int]:
        """Return what may happen, and how often."""
        return {
            self.join: 8,
            self.bring: 10,
            self.be_found: 3,
            self.unlink: 2,
            self.leave: 1,
            self.set_dismissed: 1,
            self.spoil: 1,
        }

    def compare(self) -> None:
        for user in self.world.found:
            assert sees(self.site, user) == self.world.sees(user), (user, self.told)

    # --- events: each returns who did something -------------------------------------------------

    def join(self) -> tuple[UserId, ...]:
        network, number = self.chance.choice(NETWORKS), self.chance.choice(NUMBERS)
        proof = self.chance.choice(list(Proof))
        new = len(self.world.found) < PEOPLE_AT_MOST and self.chance.random() < 0.6
        user = None if new or not self.world.found else self.chance.choice([*self.world.found])
        if user is None and len(self.world.found) >= PEOPLE_AT_MOST:
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
        account = self._somebodys_account()
        if account is None:
            return ()
        network = account.actor.network
        mine = self.world.accounts_of(account.user)
        first = next(one for one in mine if one.actor.network == network)
        brought: dict[Kind, frozenset[int]] = {}
        for kind in Kind:
            often = kind in (Kind.FOLLOWING, Kind.FOLLOWERS)
            if self.chance.random() < (0.6 if often else 0.1):
                count = self.chance.randint(0, len(NUMBERS) if often else 2)
                brought[kind] = frozenset(self.chance.sample(NUMBERS, count))
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
        account = self._somebodys_account()
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

    def spoil(self) -> tuple[UserId, ...]:
        """Damage what is derived from the lists, or make it anew where it is gone: nobody may notice."""
        if not (paths := cast.segments(self.site)):
            segments.build(self.site)
            return ()
        segment = bytearray(paths[-1].read_bytes())
        segment[self.chance.randrange(len(segment))] ^= 1
        paths[-1].write_bytes(segment)
        self.told.append("spoil")
        return ()

    # --- keeping up ------------------------------------------------------------------------------

    def _choice(self) -> Found:
        (found,) = self.chance.choices([Found.ANYONE, Found.CONFIRMED, Found.NOBODY], [6, 2, 1])
        return found

    def _somebodys_account(self) -> Account | None:
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

    def _believe(self, me: UserId, them: UserId) -> None:
        """Where both did something in one moment, nobody can say who came to whom."""
        match = cast.seen_by(self.site, me).get(them)
        self.unsure.add((me, them))
        for account in self.world.accounts_of(them):
            place = (me, account.id)
            self.world.arrived.discard(place)
            if match is not None and match.arrived and place in self.world.offered:
                self.world.arrived.add(place)


def sees(site: Site, user: UserId) -> dict[UserId, Answer]:
    return {
        other: Answer(
            sources=frozenset(account.id for account in match.sources),
            accounts=frozenset(account.id for account in match.accounts),
            proof=match.proof,
            i_follow=match.evidence.i_follow,
            they_list_me=match.evidence.they_list_me,
            they_follow=match.evidence.they_follow,
            dismissed=match.dismissed,
            arrived=match.arrived,
        )
        for other, match in cast.seen_by(site, user).items()
    }


def sealed_sets(site: Site) -> list[tuple[int, bytes, bytes]]:
    """Return what is stored, to the byte: a set that is written again looks different."""
    with site.db.read() as tx:
        columns = (match_sets.c.user_id, match_sets.c.sealed, match_sets.c.apart)
        return [tuple(row) for row in tx.execute(select(*columns).order_by("user_id"))]


def sweep_all_again(site: Site) -> None:
    with site.db.write() as tx:
        tx.execute(update(counters).where(counters.c.name.like("matching.%")).values(n=0))
    site.engine.turn()


def wipe(db: Database) -> None:
    with db.write() as tx:
        for table in reversed(METADATA.sorted_tables):
            tx.execute(delete(table))


@pytest.mark.slow
@settings(
    few(12),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), steps=st.integers(10, 40))
def test_any_life_is_seen_as_the_slow_matcher_sees_it(
    db: Database, clock: MovedClock, tmp_path: Path, seed: int, steps: int
) -> None:
    wipe(db)
    # Half of all lives have segments, of any age.
    folder = tmp_path / str(seed)
    folder.mkdir(exist_ok=True)
    given = {
        "OPENPORTABILITY_DATA_DIR": str(folder),
        "OPENPORTABILITY_SEGMENTS_FROM_LINKS": str(seed % 2),
    }
    life = Life(cast.make_site(db, clock, given=given), Random(seed))
    # A step takes several times as long where each statement goes to a server.
    for _ in range(steps if db.dialect.name == "sqlite" else (START + steps) // 2):
        life.step()
    # Swept again from the beginning, sets lose rows of accounts that are gone, and nothing else.
    sweep_all_again(life.site)
    life.compare()
    # And then not a byte changes.
    before = sealed_sets(life.site)
    sweep_all_again(life.site)
    assert sealed_sets(life.site) == before
