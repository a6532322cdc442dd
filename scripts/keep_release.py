"""Keep what an instance of this release holds: a few people who found and follow each other, in tests/releases.

Run it when a release is made, and as long as it is not made, whenever the schema changed. Files of releases that are
out are never made anew: each is what their operators have, and a test upgrades it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from openportability.clock import MovedClock
from openportability.reconnection.rules import State
from tests.house import House, opened
from tests.journeys.neighbourhood import Neighbourhood
from tests.journeys.steps import ledger
from tests.operation import kept


def main() -> int:
    """Live a little, and write the file of this version."""
    file = kept.of_this_version()
    with TemporaryDirectory() as name:
        folder = Path(name)
        with opened(folder, f"sqlite:///{folder / 'openportability.db'}", MovedClock()) as house:
            _live(house)
            kept.save(house.site, file)
    print(f"{file.name}: {file.stat().st_size} bytes")
    return 0


def _live(house: House) -> None:
    place = Neighbourhood(house)
    alice, bob, carol, late = (place.somebody() for _ in range(4))
    for one in (bob, carol):
        place.join(one)
    place.join(alice, standing="automatic")
    place.bring(bob, following=[alice, carol], followers=[alice])
    place.bring(alice, following=[bob, carol, late], followers=[bob])
    place.reconnect(alice)
    place.later(minutes=5)
    assert State.FOLLOWED in ledger(alice.browser).values()
    place.plan(bob)
    place.join(late)
    place.later(minutes=5)


if __name__ == "__main__":
    sys.exit(main())
