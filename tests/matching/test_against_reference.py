"""In thousands of random worlds, the site shows everyone whom the slow matcher says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from openportability.clock import MovedClock
from openportability.db import durable
from openportability.db.engine import Database
from openportability.db.schema import counters, match_sets
from openportability.matching import jobs, segments
from openportability.site import Site
from tests import cast
from tests.examples import few
from tests.matching.life import NUMBERS, Life, begin, step, wipe

#: So many sites, with so many worlds on each that go on together.
MANY = {"sqlite": (40, 25), "postgresql": (4, 25)}
#: How often a segment is damaged between two steps.
SPOILT = 0.5


def sealed_sets(site: Site) -> list[tuple[int, bytes, bytes]]:
    """Return what is stored, to the byte: a set that is written again looks different."""
    with site.db.read() as tx:
        columns = (match_sets.c.user_id, match_sets.c.sealed, match_sets.c.apart)
        return [tuple(row) for row in tx.execute(select(*columns).order_by("user_id"))]


def sweep_all_again(site: Site) -> None:
    with site.db.write() as tx:
        tx.execute(update(counters).where(counters.c.name.like("matching.%")).values(n=0))
    site.engine.turn()


def spoil(site: Site, chance: Random) -> None:
    """Damage what is derived from the lists, or make it anew where it is gone: nobody may notice."""
    if not (paths := cast.segments(site)):
        segments.build(site)
        return
    segment = bytearray(paths[-1].read_bytes())
    segment[chance.randrange(len(segment))] ^= 1
    paths[-1].write_bytes(segment)


@pytest.mark.slow
@pytest.mark.parametrize("segmented", [False, True], ids=["lists", "segments"])
def test_any_life_is_seen_as_the_slow_matcher_sees_it(
    db: Database,
    clock: MovedClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    segmented: bool,
) -> None:
    # Nothing of a test must outlive a power cut, and nobody comes while it waits.
    monkeypatch.setattr(durable, "_sync", lambda _log: None)
    monkeypatch.setattr(jobs, "_take_breath", lambda _met, _seconds: None)
    sites, worlds = MANY[db.dialect.name]
    told = Counter[str]()

    @settings(few(sites), phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 2**32), steps=st.integers(1, 2))
    def many_live(seed: int, steps: int) -> None:
        wipe(db)
        folder = tmp_path / str(told["worlds"])
        given = {
            "OPENPORTABILITY_DATA_DIR": str(folder),
            "OPENPORTABILITY_SEGMENTS_FROM_LINKS": str(int(segmented)),
        }
        folder.mkdir()
        site = cast.make_site(db, clock, given=given)
        # Not the same worlds with segments as without.
        chance = Random(f"{seed} {segmented}")
        lives = [Life(site, chance, first=1 + NUMBERS * world) for world in range(worlds)]
        live(site, lives, steps, spoilt=SPOILT if segmented else 0)
        told["worlds"] += worlds
        told["comparisons"] += sum(life.compared for life in lives)
        told["merges"] += sum(life.merges for life in lives)

    many_live()
    assert told["worlds"] >= sites * worlds
    # Each is compared when it begins, after each step and at the end.
    assert told["comparisons"] >= 3 * told["worlds"]
    assert told["merges"] >= told["worlds"] / 20


def live(site: Site, lives: Sequence[Life], steps: int, *, spoilt: float) -> None:
    """Let worlds live on a site, each with ids of its own."""
    chance = lives[0].chance
    begin(lives)
    for _ in range(steps):
        if chance.random() < spoilt:
            spoil(site, chance)
        step(lives)
    # Swept again from the beginning, sets lose rows of accounts that are gone, and nothing else.
    sweep_all_again(site)
    for life in lives:
        life.compare(life.shown())
    # And then not a byte changes.
    before = sealed_sets(site)
    sweep_all_again(site)
    assert sealed_sets(site) == before
