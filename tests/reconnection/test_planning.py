"""A plan promises what it showed: it outlives people who arrive, and not people who hide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from openportability.clock import MovedClock
from openportability.consent import service as consent
from openportability.consent.rules import Choice
from openportability.demo import stage
from openportability.domain import Found, Grant, NetworkName, UserId
from openportability.errors import Conflict
from openportability.matching import service as matching
from openportability.matching.service import Selection
from openportability.network import Room
from openportability.reconnection import planning
from openportability.reconnection.plan import Verdict
from openportability.site import Site

#: How many people are there before the newcomer, and who is left to come.
MEMBERS = 40


@pytest.fixture
def site(database_url: str, clock: MovedClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(stage, "PEOPLE", 400)
    with stage.stage(8000, clock, database_url) as made:
        yield made


@pytest.fixture
def newcomer(site: Site) -> UserId:
    joined = [stage.join(site, home, Random(1)) for home in _homes(site)[:MEMBERS]]
    site.engine.turn()
    return joined[0]


def _homes(site: Site) -> list[dict[NetworkName, stage.Resident]]:
    return list(stage.at_home(site).values())


def _promised(planned: planning.Planned) -> int:
    return sum(row.verdict is Verdict.NEW for row in planned.rows)


def _start(site: Site, user: UserId, planned: planning.Planned) -> int:
    with site.db.write() as tx:
        return planning.start(tx, site, user, planned.id)


def test_a_plan_is_started_as_it_was_shown(site: Site, newcomer: UserId) -> None:
    planned = planning.make_plan(site, newcomer, Selection(), None)
    assert _promised(planned) > 0
    assert _start(site, newcomer, planned) == _promised(planned)
    assert _start(site, newcomer, planned) == 0


def test_people_who_arrive_meanwhile_do_not_make_a_plan_stale(site: Site, newcomer: UserId) -> None:
    planned = planning.make_plan(site, newcomer, Selection(), None)
    for home in _homes(site)[MEMBERS : MEMBERS + 20]:
        stage.join(site, home, Random(1))
    site.engine.turn()
    later = planning.make_plan(site, newcomer, Selection(), None)
    # Those whom a standing wish has taken up by now wait already.
    assert len(later.rows) > len(planned.rows)
    assert _start(site, newcomer, planned) > 0


def test_nobody_who_hid_meanwhile_is_followed(site: Site, newcomer: UserId) -> None:
    planned = planning.make_plan(site, newcomer, Selection(), None)
    with site.db.write() as tx:
        shown = matching.matches_of(tx, site, newcomer)
        places = {row.whom for row in planned.rows if row.verdict is Verdict.NEW}
        hiding = next(
            one.user for one in shown if any(account.id in places for account in one.accounts)
        )
        choice, nobody = Choice.FOUND, Found.NOBODY
        consent.choose(tx, site, hiding, choice, nobody, locale="en", how="page")
    with pytest.raises(Conflict) as refused:
        _start(site, newcomer, planned)
    assert refused.value.code == "plan.stale"
    again = planning.make_again(site, newcomer, planned.id)
    assert _start(site, newcomer, again) > 0


def test_a_plan_says_when_an_account_may_not_follow_so_many(site: Site, newcomer: UserId) -> None:
    asked: list[Grant] = []

    def told(grant: Grant) -> Room:
        asked.append(grant)
        return Room(in_all=1, in_a_file=1)

    networks = {name: replace(one, room=told) for name, one in site.networks.items()}
    planned = planning.make_plan(replace(site, networks=networks), newcomer, Selection(), None)
    full = [name for name, counted in planned.counts.items() if counted.get(Verdict.NEW, 0) > 1]
    assert planned.ceilings == dict.fromkeys(full, 1) != {}
    assert len(asked) == sum(Verdict.NEW in counted for counted in planned.counts.values())
    with site.db.read() as tx:
        assert planning.plan(tx, site, newcomer, planned.id).ceilings == planned.ceilings
