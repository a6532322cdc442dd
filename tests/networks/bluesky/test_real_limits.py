"""The limits of the public servers, at a real PDS that keeps them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import servers
from openportability.clock import MovedClock
from openportability.errors import Throttled
from tests.networks.bluesky.conftest import Load
from tests.networks.bluesky.people import new_person, planned, signed_in


@pytest.fixture
def strict() -> Iterator[servers.Atproto]:
    """A network of its own, with the limits of the public servers."""
    with servers.atproto("--rate-limits") as net:
        yield net


@pytest.mark.real
@pytest.mark.slow
def test_the_hours_budget_is_seen_before_it_ends_and_its_end_says_when_to_come_back(
    load: Load, strict: servers.Atproto, clock: MovedClock
) -> None:
    network = load(plc=strict.plc, resolver=strict.pds[0])
    assert network.sign_in
    assert network.destination
    grant = signed_in(network.sign_in, new_person(strict.pds[0])).grant
    assert grant
    batches = [planned(network.destination, 200) for _ in range(9)]
    budgets = [network.destination.follow(grant, batch).budget for batch in batches[:8]]
    with pytest.raises(Throttled) as wait:
        network.destination.follow(grant, batches[8])
    assert budgets[-1]
    assert budgets[-1].remaining == (5_000 - 1_600 * 3) // 3
    assert wait.value.code == "at.points"
    assert wait.value.until
    assert 0 < (wait.value.until - clock.now()).total_seconds() <= 3_600
