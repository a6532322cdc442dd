"""Who leaves is gone: no row, no key, no grant, no match."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import func, select

from openportability.accounts import grant_store
from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.engine import Tx
from openportability.db.schema import METADATA, revocations, users
from openportability.demo import stage
from openportability.domain import Grant, UserId
from openportability.matching import service as matching
from openportability.matching.service import Selection
from openportability.network import SignIn
from openportability.privacy import service, store
from openportability.reconnection import planning
from openportability.site import Site


class Killed(BaseException):
    """The process ends here: nothing of ours catches it."""


@pytest.fixture
def site(database_url: str, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(stage, "PEOPLE", 150)
    with stage.stage(8000, clock, database_url) as made:
        yield made


@pytest.fixture
def members(site: Site) -> list[UserId]:
    """The newcomer of the simulated world, and some whom she follows or who follow her."""
    luck = Random(1)
    joined = [stage.join(site, home, luck) for home in list(stage.at_home(site).values())[:12]]
    site.engine.turn()
    return joined


def _rows_of(site: Site, user: UserId) -> dict[str, int]:
    """Count what the schema says is a user's."""
    with site.db.read() as tx:
        counted = {
            table.name: tx.execute(
                select(func.count()).select_from(table).where(table.c.user_id == user)
            ).scalar_one()
            for table in METADATA.sorted_tables
            if "user_id" in table.columns
        }
        counted["users"] = tx.execute(
            select(func.count()).select_from(users).where(users.c.id == user)
        ).scalar_one()
    return {name: count for name, count in counted.items() if count}


def test_nothing_that_names_a_user_is_left(site: Site, members: list[UserId]) -> None:
    leaver = members[0]
    planned = planning.make_plan(site, leaver, Selection(), None)
    with site.db.write() as tx:
        planning.start(tx, site, leaver, planned.id)
    before = _rows_of(site, leaver)
    assert {"accounts", "grants", "follow_lists", "match_sets", "consents", "lanes"} <= set(before)
    service.leave(site, leaver)
    assert _rows_of(site, leaver) == {}
    assert _rows_of(site, members[1]) != {}


def test_grants_are_given_back_without_a_name(site: Site, members: list[UserId]) -> None:
    service.leave(site, members[0])
    with site.db.read() as tx:
        assert tx.execute(select(func.count()).select_from(revocations)).scalar_one() > 0
    assert "user_id" not in revocations.columns
    site.engine.turn()
    with site.db.read() as tx:
        assert tx.execute(select(func.count()).select_from(revocations)).scalar_one() == 0


def _waiting(site: Site) -> int:
    with site.db.read() as tx:
        count: int = tx.execute(select(func.count()).select_from(revocations)).scalar_one()
    return count


def test_nobody_is_shown_who_left(site: Site, members: list[UserId]) -> None:
    with site.db.read() as tx:
        seen = {
            member: {match.user for match in matching.matches_of(tx, site, member)}
            for member in members
        }
    leaver = next(found for shown in seen.values() for found in shown)
    service.leave(site, leaver)
    with site.db.read() as tx:
        for member in set(members) - {leaver}:
            shown = {match.user for match in matching.matches_of(tx, site, member)}
            assert shown == seen[member] - {leaver}


def test_others_work_goes_on_without_who_left(site: Site, members: list[UserId]) -> None:
    for member in members[:5]:
        planned = planning.make_plan(site, member, Selection(), None)
        with site.db.write() as tx:
            planning.start(tx, site, member, planned.id)
    service.leave(site, members[0])
    site.engine.turn()
    assert _rows_of(site, members[0]) == {}


def test_who_did_not_come_for_two_years_is_forgotten_and_who_came_is_not(
    site: Site, members: list[UserId], clock: MovedClock
) -> None:
    clock.forward(days=site.settings.unseen_days - 6)
    site.engine.turn()
    with site.db.write() as tx:
        accounts.hold(tx, members[1], clock.now())
    clock.forward(days=5)
    site.engine.turn()
    assert _rows_of(site, members[0]) != {}
    clock.forward(days=2)
    site.engine.turn()
    assert _rows_of(site, members[0]) == {}
    assert _rows_of(site, members[1]) != {}
    with site.db.read() as tx:
        assert tx.execute(select(func.count()).select_from(revocations)).scalar_one() == 0


def test_a_clock_that_is_set_ahead_forgets_nobody(
    site: Site, members: list[UserId], clock: MovedClock
) -> None:
    for set_by, days in ((0, 0), (0, 7), (3650, 0), (0, 6), (-3650, 0)):
        clock.jump(days=set_by)
        clock.forward(days=days)
        site.engine.turn()
    assert all(_rows_of(site, member) for member in members)


def test_who_comes_back_in_the_moment_of_being_forgotten_stays(
    site: Site, members: list[UserId], clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.forward(days=site.settings.unseen_days + 1)
    since = clock.now() - timedelta(days=site.settings.unseen_days)
    hold = store.hold

    def just_before(tx: Tx, user: UserId) -> bool:
        accounts.hold(tx, members[0], clock.now())
        return hold(tx, user)

    with monkeypatch.context() as race:
        race.setattr(store, "hold", just_before)
        service.forget(site, members[0], since)
    assert _rows_of(site, members[0]) != {}
    service.forget(site, members[1], since)
    assert _rows_of(site, members[1]) == {}


def test_grants_are_ended_though_we_are_killed_in_between(
    site: Site, members: list[UserId], clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the network is asked, and killed again before its answer is noted."""
    ended: list[str] = []

    def told_of(sign_in: SignIn) -> Callable[[Grant], None]:
        asked = sign_in.revoke

        def revoke(grant: Grant) -> None:
            asked(grant)
            ended.append(grant.actor_id)

        return revoke

    def killed(*_: object) -> None:
        raise Killed

    for network in site.networks.values():
        assert network.sign_in is not None
        monkeypatch.setattr(network.sign_in, "revoke", told_of(network.sign_in))
    with monkeypatch.context() as death:
        death.setattr(site.engine, "wake", killed)
        with pytest.raises(Killed):
            service.leave(site, members[0])
    assert (_rows_of(site, members[0]), ended) == ({}, [])
    waiting = _waiting(site)
    assert waiting > 0
    with monkeypatch.context() as death:
        death.setattr(grant_store, "drop_revocation", killed)
        with suppress(Killed):
            site.engine.turn()
    assert len(ended) >= 1
    assert _waiting(site) == waiting
    for _ in range(2):
        clock.forward(hours=1, minutes=1)
        site.engine.turn()
    assert _waiting(site) == 0
    # What was asked for again is no harm: a token that is ended stays so.
    assert len(set(ended)) == waiting
