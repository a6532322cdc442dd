"""Random lives in which users turn out to be one: lists, matches, ledger and choices stay right."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from openportability.accounts import store as account_store
from openportability.clock import MovedClock
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.db.engine import Database, Tx
from openportability.db.schema import users
from openportability.domain import Account, AccountId, Deed, Found, Proof, Standing, UserId
from openportability.graph import store as lists
from openportability.matching import service as matching
from openportability.reconnection import lane_store, store
from openportability.reconnection import service as reconnection
from openportability.reconnection.ledger import New
from openportability.reconnection.rules import LaneState, Origin, State
from openportability.site import Site
from tests import cast
from tests.matching.life import Event, Life, Shown, begin, step, wipe
from tests.merging.together import bring_together

Row = tuple[AccountId, AccountId]


class LifeTogether(Life):
    """Lives in which somebody may prove to be somebody else, and wants follows."""

    def __init__(self, site: Site, chance: Random) -> None:
        super().__init__(site, chance)
        self.standing: dict[UserId, Standing] = {}
        self.ledger: dict[Row, State] = {}

    def events(self) -> dict[Event, int]:
        more = {self.choose: 2, self.want: 5}
        return super().events() | more

    def leave(self) -> tuple[UserId, ...]:
        gone = super().leave()
        for user in gone:
            self.standing.pop(user, None)
        return gone

    def choose(self) -> tuple[UserId, ...]:
        user = self.somebody()
        if user is None:
            return ()
        self.standing[user] = said = self.chance.choice(list(Standing))
        with self.site.db.write() as tx:
            consent.choose(tx, self.site, user, Choice.STANDING, said, locale="en", how="page")
        return (user,)

    def want(self) -> tuple[UserId, ...]:
        mine, theirs = self.somebodys_account(), self.somebodys_account()
        if mine is None or theirs is None or mine.user == theirs.user:
            return ()
        state = self.chance.choice([State.READY, State.PROPOSED, State.ALREADY])
        new = New(
            account=mine.id,
            network=mine.actor.network,
            whom=theirs.id,
            deed=Deed.FOLLOW,
            state=state,
            rank=0,
        )
        with self.site.db.write() as tx:
            key = account_store.personal_key(tx, self.site.vault, mine.user)
            lane_store.open_lanes(tx, mine.user, [mine])
            now = self.site.clock.now()
            store.want(tx, key, mine.user, [new], origin=Origin.MANUAL, plan=None, now=now)
        self.ledger.setdefault((mine.id, theirs.id), state)
        return (mine.user,)

    def compare(self, shown: Shown) -> None:
        super().compare(shown)
        with self.site.db.read() as tx:
            for user in self.world.found:
                self._compare_rest(tx, user)
            there = set(tx.execute(select(users.c.id)).scalars())
        assert there == set(self.world.found), self.told

    def _compare_rest(self, tx: Tx, user: UserId) -> None:
        mine = {account.id for account in self.world.accounts_of(user)}
        opened = lists.open_lists(tx, self.site.vault, user)
        assert {(of.account, of.kind): set(keys.tolist()) for of, keys in opened} == {
            place: set(numbers) for place, numbers in self.world.lists.items() if place[0] in mine
        }, self.told
        key = account_store.personal_key(tx, self.site.vault, user)
        known = store.known(tx, key, user, Deed.FOLLOW)
        assert {row: one.state for row, one in known.items()} == {
            row: state for row, state in self.ledger.items() if row[0] in mine
        }, self.told
        lanes = {lane.account for lane in lane_store.lanes_of(tx, user)}
        assert lanes == {mine for mine, _ in self.ledger} & mine
        said = {choice: one.value for choice, one in consent.current(tx, user).items()}
        wanted: dict[Choice, str] = {Choice.FOUND: self.world.found[user]}
        if user in self.standing:
            wanted[Choice.STANDING] = self.standing[user]
        assert said == wanted, self.told
        holds = account_store.user(tx, user)
        assert holds is not None
        assert (holds.found, holds.standing) == (
            said[Choice.FOUND],
            said.get(Choice.STANDING, Standing.OFF),
        )

    def _catch_up(self) -> list[UserId]:
        lost = super()._catch_up()
        left = self.world.accounts
        self.ledger = {row: state for row, state in self.ledger.items() if row[0] in left}
        return lost

    def merged(self, user: UserId, other: UserId) -> None:
        super().merged(user, other)
        said = [self.standing.pop(one) for one in (user, other) if one in self.standing]
        if said:
            self.standing[user] = min(said, key=list(Standing).index)
        own = {account.id for account in self.world.accounts_of(user)}
        for row, state in self.ledger.items():
            if set(row) <= own and state in (State.READY, State.PROPOSED):
                self.ledger[row] = State.CANCELLED


def _end(tx: Tx, _site: Site, account: Account) -> None:
    reconnection.end_account(tx, account)


@pytest.mark.slow
@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), steps=st.integers(40, 60))
def test_whatever_is_linked_joined_and_unlinked_each_has_what_is_theirs(
    db: Database, clock: MovedClock, seed: int, steps: int
) -> None:
    wipe(db)
    site = cast.make_site(db, clock, endings=(_end, matching.end_account))
    life = LifeTogether(site, Random(seed))
    begin([life])
    for _ in range(steps):
        step([life])


def test_a_claim_that_turns_out_to_be_proved_goes_with_its_lane_and_rows(
    db: Database, clock: MovedClock
) -> None:
    site = cast.make_site(db, clock, endings=(_end, matching.end_account))
    proved = cast.join(site, cast.OLD, 7, found=Found.ANYONE)
    other = cast.join(site, cast.NEW, 8, found=Found.ANYONE)
    claimed = cast.join(site, cast.OLD, 7, user=other.user, proof=Proof.CLAIMED)
    whom = cast.join(site, cast.OLD, 9, found=Found.ANYONE)
    new = New(
        account=claimed.id,
        network=cast.OLD,
        deed=Deed.FOLLOW,
        whom=whom.id,
        state=State.READY,
        rank=0,
    )
    with site.db.write() as tx:
        key = account_store.personal_key(tx, site.vault, other.user)
        lane_store.open_lanes(tx, other.user, [claimed])
        store.want(tx, key, other.user, [new], origin=Origin.MANUAL, plan=None, now=clock.now())
    bring_together(site, proved.user, other)
    with site.db.read() as tx:
        assert {one.id for one in account_store.accounts_of(tx, proved.user)} == {
            proved.id,
            other.id,
        }
        key = account_store.personal_key(tx, site.vault, proved.user)
        assert store.known(tx, key, proved.user, Deed.FOLLOW) == {}
        assert lane_store.lanes_of(tx, proved.user) == []


def test_a_pause_of_one_holds_for_what_was_the_other_s(db: Database, clock: MovedClock) -> None:
    site = cast.make_site(db, clock, endings=(_end, matching.end_account))
    paused = cast.join(site, cast.OLD, 7, found=Found.ANYONE)
    other = cast.join(site, cast.NEW, 8, found=Found.ANYONE)
    with site.db.write() as tx:
        for one in (paused, other):
            lane_store.open_lanes(tx, one.user, [one])
        reconnection.pause(tx, paused.user)
    bring_together(site, paused.user, other)
    with site.db.read() as tx:
        lanes = lane_store.lanes_of(tx, paused.user)
    assert [lane.state for lane in lanes] == [LaneState.PAUSED] * 2
