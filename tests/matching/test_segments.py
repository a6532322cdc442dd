"""A segment spares the pass over all lists, and nothing else depends on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from openportability.accounts import line_store
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.db.schema import counters
from openportability.domain import UserId
from openportability.graph import pass_store
from openportability.graph.pass_store import Portion
from openportability.matching import segments, store
from openportability.matching.holders import who_lists
from openportability.matching.segments import Segments
from openportability.privacy import service as privacy
from openportability.site import Site
from tests import cast
from tests.cast import OLD

#: What only the database may differ in is lived through by `test_against_reference.py` on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OWNERS = range(1, 6)


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    return {
        "OPENPORTABILITY_DATA_DIR": str(tmp_path),
        "OPENPORTABILITY_SEGMENTS_FROM_LINKS": "10",
    }


@pytest.fixture
def site(db: Database, clock: MovedClock, given: dict[str, str]) -> Site:
    """Five people who all follow 50, and one of whom each brought a list of ten."""
    site = cast.make_site(db, clock, given=given)
    for number in OWNERS:
        user = cast.join(site, OLD, number).user
        cast.bring(site, user, OLD, following=[50, *range(100, 109)])
    site.engine.turn()
    return site


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[UserId]:
    """Whose lists were opened by passes over lists."""
    opened: list[UserId] = []
    unpack = pass_store._portion

    def counted(*args: Any) -> Portion:
        some = unpack(*args)
        opened.extend(UserId(owner) for owner in some.owners.tolist())
        return some

    monkeypatch.setattr(pass_store, "_portion", counted)
    return opened


def who_follows(site: Site, number: int) -> set[UserId]:
    """Let somebody be there who is this number, and return whose lists hold them."""
    with site.db.read() as tx:
        lines = [line for line in line_store.listed_since(tx, 0) if line.key == number]
    return {UserId(owner) for owner in who_lists(site, lines).owners.tolist()}


def current(site: Site) -> bool:
    with site.db.read() as tx:
        return site.memory.of(Segments).current(tx, site) is not None


def test_who_arrives_is_met_without_opening_an_old_list(site: Site, read: list[UserId]) -> None:
    cast.join(site, OLD, 50)
    assert len(who_follows(site, 50)) == len(OWNERS)
    assert read == []


def test_lists_that_are_newer_are_opened_themselves(site: Site, read: list[UserId]) -> None:
    cast.join(site, OLD, 50)
    late = cast.join(site, OLD, 9).user
    cast.bring(site, late, OLD, following=[50])
    assert late in who_follows(site, 50)
    assert read == [late]


def test_who_took_somebody_off_their_list_is_not_told_by_the_old_one(site: Site) -> None:
    first = cast.join(site, OLD, 1).user
    cast.bring(site, first, OLD, following=[100])
    site.engine.turn()
    second = cast.join(site, OLD, 50).user
    site.engine.turn()
    assert second not in cast.seen_by(site, first)


def test_a_village_has_none(db: Database, clock: MovedClock, given: dict[str, str]) -> None:
    given["OPENPORTABILITY_SEGMENTS_FROM_LINKS"] = "51"
    site = cast.make_site(db, clock, given=given)
    for number in OWNERS:
        cast.bring(site, cast.join(site, OLD, number).user, OLD, following=range(50, 60))
    segments.path(site).write_bytes(b"from larger times")
    site.engine.turn()
    assert not segments.path(site).exists()


@pytest.mark.parametrize("harm", ["page", "cut", "gone", "restored"])
def test_without_a_sound_segment_all_lists_are_opened(
    site: Site, clock: MovedClock, read: list[UserId], harm: str
) -> None:
    cast.join(site, OLD, 50)
    path = segments.path(site)
    sound = path.read_bytes()
    match harm:
        case "page":
            spoilt = bytearray(sound)
            for place in range(len(spoilt) // 2):
                spoilt[place] ^= 1
            path.write_bytes(spoilt)
        case "cut":
            site.memory.of(Segments).refuse(site)
            path.write_bytes(sound[:-1])
        case "gone":
            site.memory.of(Segments).refuse(site)
        case "restored":
            with site.db.write() as tx:
                tx.execute(update(counters).where(counters.c.name == store.SEGMENT).values(n=5))
    assert len(who_follows(site, 50)) == len(OWNERS)
    assert len(read) == len(OWNERS)
    # Not at once: it may lie on another machine, whose worker would find this one's missing in turn.
    site.engine.turn()
    assert not current(site)
    clock.forward(hours=1)
    site.engine.turn()
    assert current(site)


def test_who_left_is_out_of_it_within_a_day(site: Site, clock: MovedClock) -> None:
    gone = cast.join(site, OLD, 1).user
    privacy.leave(site, gone)
    before = segments.path(site).read_bytes()
    site.engine.turn()
    assert segments.path(site).read_bytes() == before
    clock.forward(days=1)
    site.engine.turn()
    with site.db.read() as tx:
        segment = site.memory.of(Segments).current(tx, site)
        assert segment is not None
        # Their list is erased with them, and so no pass can bring it in again.
        _, owners = segment.holders(np.array([50], np.uint64))
    assert gone not in owners.tolist()
    assert len(owners) == len(OWNERS) - 1


def test_nothing_is_made_again_while_nothing_changes(site: Site, clock: MovedClock) -> None:
    before = segments.path(site).read_bytes()
    clock.forward(days=9)
    site.engine.turn()
    assert segments.path(site).read_bytes() == before
