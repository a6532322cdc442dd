"""Who leaves is gone: no row, no key, no grant, no match."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from sqlalchemy import func, select

from openportability.accounts import store as accounts
from openportability.clock import MovedClock
from openportability.db.schema import METADATA, revocations, users
from openportability.demo import stage
from openportability.domain import UserId
from openportability.matching import service as matching
from openportability.matching.service import Selection
from openportability.privacy import service
from openportability.reconnection import planning
from openportability.site import Site


@pytest.fixture
def site(database_url: str, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(stage, "PEOPLE", 400)
    with stage.stage(8000, clock, database_url) as made:
        yield made


@pytest.fixture
def members(site: Site) -> list[UserId]:
    """The newcomer of the simulated world, and some whom she follows or who follow her."""
    luck = Random(1)
    joined = [stage.join(site, home, luck) for home in list(stage.at_home(site).values())[:40]]
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
    clock.forward(days=site.settings.unseen_days - 1)
    site.engine.turn()
    with site.db.write() as tx:
        accounts.hold(tx, members[1], clock.now())
    clock.forward(days=2)
    site.engine.turn()
    assert _rows_of(site, members[0]) == {}
    assert _rows_of(site, members[1]) != {}
    with site.db.read() as tx:
        assert tx.execute(select(func.count()).select_from(revocations)).scalar_one() == 0
