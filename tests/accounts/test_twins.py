"""A bridge is asked about who wishes it, while they wish it; what it says is kept only where they are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from openportability.accounts import jobs, store, twin_store, twins, unlisting_store
from openportability.accounts import service as accounts_service
from openportability.clock import MovedClock
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.db.engine import Database
from openportability.domain import Account, Actor, ActorId, Key, NetworkName, Proof, UserId
from openportability.errors import NetworkError, Throttled, Unavailable
from openportability.privacy import service as privacy
from openportability.site import Site
from tests import cast
from tests.accounts.conftest import AddAccount
from tests.accounts.desk import Desk, network
from tests.merging.together import bring_together

SKY = NetworkName("sky")


class Bridge:
    """Keeps a copy of everybody on the sky, until a test says otherwise."""

    def __init__(self) -> None:
        self.asked: list[ActorId] = []
        self.keeps = True
        self.fails: NetworkError | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    def twin(self, original: Actor) -> Actor | None:
        self.asked.append(original.id)
        self.meanwhile()
        if self.fails:
            raise self.fails
        return self.copy(original) if self.keeps else None

    def copy(self, original: Actor) -> Actor:
        return replace(
            original, network=SKY, instance="bridge.example", id=ActorId(f"copy:{original.id}")
        )


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


@pytest.fixture
def site(db: Database, clock: MovedClock, desk: Desk, bridge: Bridge) -> Site:
    herd = replace(network(desk), twin=bridge.twin)
    sky = replace(network(desk), name=SKY, twin=bridge.twin)
    return cast.make_site(db, clock, [herd, sky], jobs=(jobs.work,), endings=())


@pytest.fixture
def ann(add: AddAccount, desk: Desk) -> Account:
    """An account that is seen to once a week."""
    return add("ann", grant=desk.grant())


def says(site: Site, user: UserId, value: str) -> None:
    with site.db.write() as tx:
        consent.choose(tx, site, user, Choice.BRIDGED, value, locale="en", how="test")


def copies(site: Site, user: UserId) -> list[str]:
    with site.db.read() as tx:
        return [one.actor.id for one in twin_store.of_users(tx, [user])]


def test_who_says_nothing_is_not_asked_about(
    site: Site, ann: Account, bridge: Bridge, clock: MovedClock
) -> None:
    clock.forward(days=8)
    site.engine.turn()
    assert (bridge.asked, copies(site, ann.user)) == ([], [])


def test_who_wishes_it_is_looked_for_at_once_and_once_a_week(
    site: Site, ann: Account, bridge: Bridge, clock: MovedClock
) -> None:
    says(site, ann.user, "on")
    site.engine.turn()
    assert (bridge.asked, copies(site, ann.user)) == (["ann"], ["copy:ann"])
    clock.forward(days=6)
    site.engine.turn()
    assert len(bridge.asked) == 1
    clock.forward(days=2)
    bridge.keeps = False
    site.engine.turn()
    assert (len(bridge.asked), copies(site, ann.user)) == (2, [])


def test_an_account_that_is_linked_later_is_looked_for_at_once(
    site: Site, ann: Account, add: AddAccount, desk: Desk, bridge: Bridge
) -> None:
    says(site, ann.user, "on")
    site.engine.turn()
    bob = add("bob", grant=desk.grant("bob"))
    with site.db.write() as tx:
        twins.arrive(tx, site, bob)
    site.engine.turn()
    assert set(copies(site, ann.user)) == {"copy:ann", "copy:bob"}


def test_who_takes_it_back_has_no_copy_from_then_on(
    site: Site, ann: Account, bridge: Bridge, clock: MovedClock
) -> None:
    says(site, ann.user, "on")
    site.engine.turn()
    says(site, ann.user, "off")
    assert copies(site, ann.user) == []
    clock.forward(days=8)
    site.engine.turn()
    assert len(bridge.asked) == 1


def test_who_takes_it_back_while_the_bridge_answers_has_none_either(
    site: Site, ann: Account, bridge: Bridge
) -> None:
    bridge.meanwhile = lambda: says(site, ann.user, "off")
    says(site, ann.user, "on")
    site.engine.turn()
    assert (bridge.asked, copies(site, ann.user)) == (["ann"], [])


@pytest.mark.parametrize("error", [Unavailable(), Throttled(None)])
def test_a_bridge_that_does_not_answer_changes_nothing_and_is_asked_the_next_day(
    site: Site, ann: Account, bridge: Bridge, clock: MovedClock, error: NetworkError
) -> None:
    says(site, ann.user, "on")
    site.engine.turn()
    bridge.fails = error
    for _ in range(2):
        clock.forward(days=8)
        site.engine.turn()
    assert copies(site, ann.user) == ["copy:ann"]
    clock.forward(hours=25)
    site.engine.turn()
    assert len(bridge.asked) == 4


def test_where_somebody_is_themselves_no_copy_of_them_is_kept(
    site: Site, ann: Account, bridge: Bridge
) -> None:
    says(site, ann.user, "on")
    site.engine.turn()
    actor = replace(ann.actor, network=SKY)
    with site.db.write() as tx:
        native = store.add_account(tx, ann.user, actor, Key(1), Proof.PROVED)
        twins.arrive(tx, site, native)
    assert copies(site, ann.user) == []
    site.engine.turn()
    twins.look_up(site, ann)
    assert (bridge.asked, copies(site, ann.user)) == (["ann"], [])


def test_a_copy_goes_with_the_account_it_is_of(
    site: Site, ann: Account, add: AddAccount, bridge: Bridge
) -> None:
    add("bob")
    says(site, ann.user, "on")
    site.engine.turn()
    with site.db.write() as tx:
        accounts_service.unlink(tx, site, ann)
    assert copies(site, ann.user) == []
    twins.look_up(site, ann)
    assert copies(site, ann.user) == []


def test_who_leaves_leaves_no_copy(site: Site, ann: Account) -> None:
    says(site, ann.user, "on")
    site.engine.turn()
    privacy.leave(site, ann.user)
    assert copies(site, ann.user) == []


def test_what_is_only_claimed_has_no_copy(site: Site, add: AddAccount, bridge: Bridge) -> None:
    claim = add("eve", proof=Proof.CLAIMED)
    says(site, claim.user, "on")
    twins.look_up(site, claim)
    assert bridge.asked == []


def test_somebody_s_own_actor_is_nobody_s_copy(
    site: Site, ann: Account, add: AddAccount, bridge: Bridge
) -> None:
    says(site, ann.user, "on")
    with site.db.write() as tx:
        unlisting_store.never_list(tx, site.vault, bridge.copy(ann.actor), site.clock.now())
    site.engine.turn()
    bob = add("bob", of=_somebody_else(site))
    says(site, bob.user, "on")
    with site.db.write() as tx:
        someone = store.create_user(tx, site.vault, "en", site.clock.now())
        store.add_account(tx, someone, bridge.copy(bob.actor), Key(2), Proof.PROVED)
    twins.look_up(site, bob)
    assert (bridge.asked, copies(site, ann.user), copies(site, bob.user)) == (
        ["ann", "bob"],
        [],
        [],
    )


def test_who_turn_out_to_be_one_keep_the_copy_where_neither_is_themselves(
    site: Site, ann: Account, add: AddAccount
) -> None:
    says(site, ann.user, "on")
    site.engine.turn()
    bob = add("bob", of=_somebody_else(site))
    bring_together(site, bob.user, ann)
    assert copies(site, bob.user) == ["copy:ann"]
    with site.db.write() as tx:
        third = store.create_user(tx, site.vault, "en", site.clock.now())
        native = store.add_account(tx, third, replace(bob.actor, network=SKY), Key(3), Proof.PROVED)
    bring_together(site, bob.user, native)
    assert copies(site, bob.user) == []


def test_of_two_who_turn_out_to_be_one_the_more_private_word_counts(
    site: Site, ann: Account, add: AddAccount
) -> None:
    says(site, ann.user, "on")
    site.engine.turn()
    bob = add("bob", of=_somebody_else(site))
    says(site, bob.user, "off")
    bring_together(site, bob.user, ann)
    assert copies(site, bob.user) == []


def _somebody_else(site: Site) -> UserId:
    with site.db.write() as tx:
        return store.create_user(tx, site.vault, "en", site.clock.now())
