"""A segment spares the pass over all lists, and nothing else depends on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openportability.accounts import line_store
from openportability.clock import MovedClock
from openportability.db.engine import Database
from openportability.domain import UserId
from openportability.graph import pass_store
from openportability.graph.pass_store import Portion
from openportability.graph.segment import Segment
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
    return site.memory.of(Segments).current(site) is not None


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


def test_a_village_has_none(site: Site, clock: MovedClock, given: dict[str, str]) -> None:
    assert cast.segments(site) != []
    given["OPENPORTABILITY_SEGMENTS_FROM_LINKS"] = "51"
    village = cast.make_site(site.db, clock, given=given)
    village.engine.turn()
    assert not current(village)
    clock.forward(hours=1)
    village.engine.turn()
    assert cast.segments(village) == []


@pytest.mark.parametrize("harm", ["page", "cut", "gone", "restored", "renamed"])
def test_without_a_sound_segment_all_lists_are_opened(
    site: Site, clock: MovedClock, read: list[UserId], harm: str
) -> None:
    cast.join(site, OLD, 50)
    (path,) = cast.segments(site)
    sound = path.read_bytes()
    match harm:
        case "page":
            assert current(site)
            spoilt = bytearray(sound)
            for place in range(len(spoilt) // 2):
                spoilt[place] ^= 1
            path.write_bytes(spoilt)
        case "cut":
            path.write_bytes(sound[:-1])
        case "gone":
            path.unlink()
        case "restored":
            with site.db.write() as tx:
                store.put_mark(tx, store.SEGMENT, 5)
        case "renamed":
            with site.db.write() as tx:
                store.put_mark(tx, store.SEGMENT, 5)
            path.rename(path.with_name(segments.name(5)))
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
    before = cast.segments(site)
    site.engine.turn()
    assert cast.segments(site) == before
    clock.forward(hours=22, minutes=15)
    site.engine.turn()
    # Somebody may just have been told that it is this one.
    assert len(cast.segments(site)) == 2
    clock.forward(hours=1, minutes=15)
    site.engine.turn()
    (path,) = cast.segments(site)
    segment = Segment(path.open("rb"), site.vault)
    # Their list is erased with them, and so no pass can bring it in again.
    _, owners = segment.holders(np.array([50], np.uint64))
    segment.close()
    assert gone not in owners.tolist()
    assert len(owners) == len(OWNERS) - 1


def test_nothing_is_made_again_while_nothing_changes(site: Site, clock: MovedClock) -> None:
    before = cast.segments(site)
    clock.forward(days=9)
    site.engine.turn()
    assert cast.segments(site) == before


def test_one_that_counts_no_more_is_not_used_though_it_is_open(
    site: Site, clock: MovedClock
) -> None:
    held = site.memory.of(Segments)
    first = held.current(site)
    segments.build(site)
    second = held.current(site)
    assert first is not None
    assert second is not None
    assert first is not second
    clock.forward(hours=1)
    site.engine.turn()
    assert [path.name for path in cast.segments(site)] == [segments.name(second.head.mark)]
